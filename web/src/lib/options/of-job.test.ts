// What was asked for with a job, and nothing that is so anyway.
import type { Job } from "windlass";
import { expect, test } from "vitest";
import { optionsOf } from "./of-job";

const job = (change: Partial<Job>): Job => ({
  id: "00", handler: "demo/add", version: "9f", channel: "0", queue: "default", priority: 0, state: "ready", attempt: 0, max_attempts: 1,
  submitted_at: "2026-01-02T03:00:00Z", run_timeout_millis: 30_000, ...change,
  retry: { max_attempts: 1, initial: "1s", factor: 2, max: "1h", jitter: 0.1, on: ["error", "trap", "timeout", "worker_lost"], ...change.retry },
});

test("defaults are left out", () => {
  expect(optionsOf(job({}))).toEqual({});
});

test("spans are told in the unit that fits", () => {
  expect(optionsOf(job({ run_timeout_millis: 90_000, queue_timeout_millis: 3_600_000 }))).toEqual({ run_timeout: "90s", queue_timeout: "1h" });
  expect(optionsOf(job({ run_timeout_millis: null, queue_timeout_millis: 1_500 }))).toEqual({ run_timeout: "never", queue_timeout: "1500ms" });
});

test("of how it is tried again only what is its own is told", () => {
  expect(optionsOf(job({ retry: { max_attempts: 3, initial: "200ms" } }))).toEqual({ retry: { max_attempts: 3, initial: "200ms" } });
  expect(optionsOf(job({ retry: { max_attempts: 3, on: ["trap"] } }))).toEqual({ retry: { max_attempts: 3, on: ["trap"] } });
});

test("jobs to come after are a list where nothing else was said", () => {
  expect(optionsOf(job({ after: { jobs: ["0a"], need: "all", ended: "success" } }))).toEqual({ after: ["0a"] });
  expect(optionsOf(job({ after: { jobs: ["0a"], need: "any", ended: "success" } }))).toEqual({ after: { jobs: ["0a"], need: "any", ended: "success" } });
});
