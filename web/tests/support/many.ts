// Many jobs over one socket, with so many answers awaited at a time.
import { Client } from "windlass";
import type { Broker } from "./broker";

const WAITING_MAX = 500;

export interface Submission {
  handler: string;
  args: object;
  opts: object;
}

export async function submitMany(broker: Broker, count: number, { handler, args, opts }: Submission): Promise<void> {
  const client = new Client({ url: broker.url, token: broker.token, name: "many" });
  await client.ready();
  let left = count;
  const lane = async () => {
    while (left > 0) {
      left -= 1;
      await client.submit(handler, args, opts);
    }
  };
  await Promise.all(Array.from({ length: WAITING_MAX }, lane));
  client.close();
}

/** Submits so many a second for so long; answers how many jobs have ended. */
export async function submitAtRate(broker: Broker, rate: number, seconds: number, { handler, args, opts }: Submission): Promise<number> {
  const client = new Client({ url: broker.url, token: broker.token, name: "rate" });
  await client.ready();
  const before = (await client.stats()).totals.succeeded ?? 0;
  const began = performance.now();
  let sent = 0;
  const answers: Promise<string>[] = [];
  while (sent < rate * seconds) {
    const due = Math.min(rate * seconds, Math.floor(((performance.now() - began) / 1_000) * rate));
    for (; sent < due; sent += 1) answers.push(client.submit(handler, args, opts));
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await Promise.all(answers);
  const { totals } = await client.stats();
  client.close();
  return (totals.succeeded ?? 0) - before;
}
