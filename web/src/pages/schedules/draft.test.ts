// A schedule is typed, sent, and typed again.
import type { Schedule } from "windlass";
import { expect, test } from "vitest";
import { ScheduleDraft } from "./draft.svelte";

const schedule: Schedule = {
  name: "report", channel: "0", cron: "0 9 * * 1-5", description: "At 09:00", timezone: "Europe/Berlin", handler: "demo/greet", overlap: "skip",
  catch_up: "skip", jitter: "30s", paused: true, opts: { queue: "mail", tags: { who: "ada" } }, next: [], recent: [],
  created_at: "2026-01-02T03:04:05Z", changed_at: "2026-01-02T03:04:05Z",
};

test("what is taken over is what is sent", () => {
  const draft = new ScheduleDraft();
  draft.fill(schedule);
  expect(draft.value({ name: "Ada" })).toEqual({
    cron: "0 9 * * 1-5", timezone: "Europe/Berlin", handler: "demo/greet", args: { name: "Ada" }, opts: { queue: "mail", tags: { who: "ada" } },
    overlap: "skip", catch_up: "skip", jitter: "30s", paused: true,
  });
});

test("no jitter is an empty field", () => {
  const draft = new ScheduleDraft();
  draft.fill({ ...schedule, jitter: "0ms", opts: {} });
  expect(draft.jitter).toBe("");
  expect(draft.value({})).not.toHaveProperty("jitter");
  expect(draft.value({})).not.toHaveProperty("opts");
});
