// Schedules in words.
import { expect, test } from "vitest";
import { inZone, skippedWords, zones } from "./words";

test("a tick without a job says why, also for a reason that is new", () => {
  const at = "2026-01-02T03:04:05Z";
  expect(skippedWords({ at, job: "0a" })).toBe("");
  expect(skippedWords({ at, skipped: "overlap" })).toBe("skipped: a job before was live");
  expect(skippedWords({ at, skipped: "holiday" })).toBe("skipped: holiday");
  const error = { code: "unknown_handler", message: "there is no handler `a/b`", retryable: false };
  expect(skippedWords({ at, skipped: "refused", error })).toBe("refused: there is no handler `a/b`");
});

test("a time is told on the clocks of its zone, on both sides of a change of them", () => {
  expect(inZone("2026-03-29T00:30:00Z", "Europe/Berlin")).toMatch(/^Sun,? 29 Mar, 01:30$/);
  expect(inZone("2026-03-29T01:30:00Z", "Europe/Berlin")).toMatch(/^Sun,? 29 Mar, 03:30$/);
  expect(inZone("2026-03-29T01:30:05Z", "UTC")).toMatch(/^Sun,? 29 Mar, 01:30:05$/);
});

test("a zone the browser does not know is no error", () => {
  expect(inZone("2026-03-29T01:30:00Z", "Moon/Sea")).toMatch(/^2026-03-\d\d \d\d:30:00$/);
});

test("every zone can be picked, UTC too, once", () => {
  expect(zones()).toContain("UTC");
  expect(zones()).toContain("Europe/Berlin");
  expect(new Set(zones()).size).toBe(zones().length);
});
