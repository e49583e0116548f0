// The client against the built binary: calls, jobs, and what outlives a crash of the broker.
import { afterAll, beforeAll, expect, test } from "vitest";
import { Broker } from "../../../web/tests/support/broker.ts";
import { Client, ConnectionLost, Refused, type Job, type Stats } from "../src/index.ts";

let broker: Broker;
let client: Client;

beforeAll(async () => {
  broker = await Broker.start();
  client = new Client({ url: broker.url, token: broker.token, name: "sdk" });
});

afterAll(async () => {
  client.close();
  await broker.stop();
});

test("hello tells who answers", async () => {
  expect(await client.ready()).toMatchObject({ broker: "windlass", channel: "0" });
  expect(client.status).toBe("open");
});

test("a call answers its value, a bad one says where", async () => {
  expect(await client.call("demo/add", { x: 10, y: 20 })).toBe(30);
  const refused = await client.call("demo/add", { x: 10 }).catch((error: Refused) => error);
  expect(refused).toBeInstanceOf(Refused);
  expect((refused as Refused).problem).toMatchObject({ code: "bad_arguments", retryable: false });
});

test("a call that is given up is stopped in the broker", async () => {
  const given = new AbortController();
  const call = client.call("demo/spin", {}, {}, { signal: given.signal });
  await waitUntil(async () => (await client.stats()).calls.running === 1);
  given.abort(new Error("enough"));
  await expect(call).rejects.toThrow("enough");
  await waitUntil(async () => (await client.stats()).calls.running === 0);
});

test("a job is submitted, waited for and kept with all digits", async () => {
  const job = await client.submit("demo/divide", { a: 1, b: 3 }, { queue: "sums", tags: { who: "ada" } });
  expect(await client.wait(job)).toBeCloseTo(1 / 3);
  expect(await client.requestText("job.result", { job })).toMatch(/^0\.3{15,}/);
  expect(await client.job(job)).toMatchObject({ state: "succeeded", queue: "sums", tags: { who: "ada" }, args: { a: 1, b: 3 } });
});

test("a queue is paused and limited, says why a job waits, and is purged", async () => {
  expect(await client.pauseQueue("mail")).toMatchObject({ name: "mail", paused: true, concurrency: null });
  const job = await client.submit("demo/add", { x: 1, y: 2 }, { queue: "mail" });
  expect((await client.job(job)).waiting).toEqual({ for: "queue_paused" });
  const limits = { concurrency: 2, rate: { count: 5, per: "1s" } };
  expect(await client.limitQueue("mail", limits)).toMatchObject({ ...limits, paused: true, ready: 1 });
  expect(await client.limitQueue("mail", { rate: null })).toMatchObject({ concurrency: 2, rate: null });
  expect(await client.purgeQueue("mail")).toEqual({ cancelled: 1, more: false });
  expect(await client.resumeQueue("mail")).toMatchObject({ paused: false, ready: 0 });
  expect((await client.queues()).map(({ name }) => name)).toContain("mail");
});

test("a schedule is put, paused, triggered and deleted", async () => {
  const nightly = { cron: "30 2 * * *", timezone: "Europe/Berlin", handler: "demo/add", args: { x: 1, y: 2 }, overlap: "skip" } as const;
  expect(await client.putSchedule("nightly", nightly)).toMatchObject({ ...nightly, description: "At 02:30.", paused: false, recent: [] });
  expect((await client.pauseSchedule("nightly")).next).toEqual([]);
  expect((await client.resumeSchedule("nightly")).next).toHaveLength(5);
  const job = await client.triggerSchedule("nightly");
  expect(await client.wait(job)).toBe(3);
  expect(await client.job(job)).toMatchObject({ schedule: "nightly" });
  expect((await client.schedule("nightly")).last).toMatchObject({ job });
  expect((await client.schedules({ limit: 1 })).items.map(({ name }) => name)).toEqual(["nightly"]);
  expect(await client.deleteSchedule("nightly")).toEqual({ name: "nightly" });
  await expect(client.schedule("nightly")).rejects.toMatchObject({ problem: { code: "not_found" } });
});

test("a held job waits for its release", async () => {
  const job = await client.submit("demo/add", { x: 1, y: 2 }, { hold: true });
  expect(await client.job(job)).toMatchObject({ held: true, waiting: { for: "release" } });
  expect(await client.release(job)).toEqual({ job });
  expect(await client.wait(job)).toBe(3);
});

test("a watched job tells how it is and each change", async () => {
  const job = await client.submit("demo/add", { x: 1, y: 2 }, { delay: "1s" });
  const states: string[] = [];
  await new Promise<void>((resolve, reject) => {
    const watched = client.subscribe<Job>("job", { filter: { job } }, {
      event({ state }) {
        states.push(state);
        if (state === "succeeded") resolve(watched.close());
      },
      refused: reject,
    });
  });
  expect(states.at(0)).toBe("scheduled");
  expect(states.at(-1)).toBe("succeeded");
});

test("a subscription that the broker refuses says so", async () => {
  const refused = await new Promise<Error>((resolve) => {
    client.subscribe("job", { filter: { job: "0".repeat(32) } }, { event() {}, refused: resolve });
  });
  expect((refused as Refused).code).toBe("not_found");
});

test("a wrong token is denied, the right one lets in", async () => {
  const stranger = new Client({ url: broker.url, token: "wrong" });
  await new Promise<void>((resolve) => stranger.onStatus((status) => status === "denied" && resolve()));
  stranger.reconnect(broker.token);
  await stranger.ready();
  stranger.close();
});

test("after a crash waits and subscriptions go on, a call fails", async () => {
  const gaps: (number | null)[] = [];
  let told = 0;
  const watched = client.subscribe<Stats>("stats", {}, { event: () => (told += 1), gap: (missed) => gaps.push(missed) });
  await waitUntil(() => told > 0);
  const job = await client.submit("demo/add", { x: 2, y: 3 }, { delay: "3s" });
  const waits = client.wait(job);
  const call = client.call("demo/spin");
  const lost = expect(call).rejects.toBeInstanceOf(ConnectionLost);
  await waitUntil(async () => (await client.stats()).calls.running === 1);
  await broker.kill();
  await lost;
  const before = told;
  await broker.revive();
  expect(await waits).toBe(5);
  await waitUntil(() => told > before);
  expect(gaps).toEqual([null]);
  watched.close();
});

/** Asks again until it is so; the test's own time limit ends it. */
async function waitUntil(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 20));
}
