// The stages of jobs at different points of their life.
import type { Job } from "windlass";
import { expect, test } from "vitest";
import { stages } from "./timeline";

const at = (millis: number) => new Date(millis).toISOString();
const usage = { wall_micros: 0, cpu_micros: 0, memory_bytes_peak: 0 };

function job(change: Partial<Job>): Job {
  return {
    id: "00", handler: "demo/add", version: "9f", channel: "0", queue: "default", priority: 0, state: "ready", attempt: 0,
    max_attempts: 1, submitted_at: at(1_000), retry: {}, run_timeout_millis: null, retention_millis: null, ...change,
  };
}

function told(found: ReturnType<typeof stages>) {
  return found.map(({ kind, from, to, open }) => [kind, from, to, open]);
}

test("a job that waits has one stage, which goes on", () => {
  expect(told(stages(job({}), 4_000))).toEqual([["wait", 1_000, 4_000, true]]);
});

test("a held job waits for its release, one with a time for that", () => {
  const titles = (change: Partial<Job>) => stages(job({ state: "scheduled", ...change }), 4_000).map(({ title }) => title);
  expect(titles({ held: true })).toEqual(["waits for its release"]);
  expect(titles({ run_at: at(9_000) })).toEqual(["waits for its time"]);
});

test("a job that failed once and runs again has waited, run, paused and runs", () => {
  const attempts = [{ number: 1, worker: "local", started_at: at(2_000), ended_at: at(3_000), usage }];
  const running = job({ state: "running", attempt: 2, attempts, started_at: at(5_000) });
  expect(told(stages(running, 9_000))).toEqual([
    ["wait", 1_000, 2_000, false],
    ["run", 2_000, 3_000, false],
    ["pause", 3_000, 5_000, false],
    ["run", 5_000, 9_000, true],
  ]);
});

test("a job cancelled before it ran only waited", () => {
  expect(told(stages(job({ state: "cancelled", ended_at: at(2_500) }), 9_000))).toEqual([["wait", 1_000, 2_500, false]]);
});

test("attempts that are no longer kept are said to have been", () => {
  const attempts = [{ number: 4, worker: "local", started_at: at(2_000), ended_at: at(3_000), usage }];
  const ended = job({ state: "succeeded", attempt: 4, attempts, ended_at: at(3_000) });
  expect(told(stages(ended, 9_000))).toEqual([["unknown", 1_000, 2_000, false], ["run", 2_000, 3_000, false]]);
});

test("a clock that went back makes no stage shorter than nothing", () => {
  expect(told(stages(job({}), 500))).toEqual([["wait", 1_000, 1_000, true]]);
});
