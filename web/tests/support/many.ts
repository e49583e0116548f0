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
