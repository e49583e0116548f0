// Options are typed as text and sent as the broker names them.
import { expect, test } from "vitest";
import { Options } from "./options.svelte";

test("what is empty is left out", () => {
  expect(new Options().value("submit")).toEqual({});
});

test("what is taken over is what is sent, also what has no field", () => {
  const opts = {
    queue: "mail", priority: -5, hold: true, serial_key: "ada", queue_timeout: "1h", version: "9f86", tags: { who: "ada" },
    after: { jobs: ["0a", "0b"], need: "any", ended: "finished" },
    retry: { max_attempts: 3, initial: "1s", on: ["trap"], jitter: 0.5 },
  };
  const options = new Options();
  options.fill(opts);
  expect(options.value("submit")).toEqual(opts);
});

test("jobs to come after are a list where nothing else is said", () => {
  const options = new Options();
  options.after = " 0a,\n0b ";
  expect(options.value("submit")).toEqual({ after: ["0a", "0b"] });
});

test("a schedule sends nothing that belongs to one job alone", () => {
  const options = new Options();
  options.fill({ queue: "mail", hold: true, after: ["0a"], delay: "1s", idempotency_key: "once" });
  expect(options.value("schedule")).toEqual({ queue: "mail" });
});

test("what is no number is left to the broker to refuse", () => {
  const options = new Options();
  options.fill({ priority: "high" });
  expect(options.value("submit")).toEqual({ priority: "high" });
});
