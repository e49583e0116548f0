// Limits of a queue: typed, shown and sent.
import type { Queue } from "windlass";
import { expect, test } from "vitest";
import { draftOf, limitsOf, limitWords } from "./limits";

const queue = (change: Partial<Queue>): Queue => ({
  name: "mail", paused: false, concurrency: null, rate: null, per_tag: null, scheduled: 0, blocked: 0, ready: 0, running: 0, ...change,
});

test("an empty field takes its limit away", () => {
  expect(limitsOf({ concurrency: " ", starts: "", per: "1s" })).toEqual({ concurrency: null, rate: null });
});

test("what a queue has is what its fields send", () => {
  const limits = { concurrency: 4, rate: { count: 10, per: "1m" } };
  expect(limitsOf(draftOf(queue(limits)))).toEqual(limits);
});

test("what is no number is left to the broker to refuse", () => {
  expect(limitsOf({ concurrency: "many", starts: "1.5", per: "1s" })).toEqual({ concurrency: "many", rate: { count: "1.5", per: "1s" } });
});

test("limits are told in words", () => {
  expect(limitWords(queue({}))).toBe("none");
  expect(limitWords(queue({ concurrency: 1_000, rate: { count: 10, per: "1s" } }))).toBe("1,000 at once, 10 per 1s");
  expect(limitWords(queue({ per_tag: { tag: "customer", concurrency: 2 } }))).toBe("2 at once of each customer");
});
