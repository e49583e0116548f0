// One filter as address, as query of the broker, and as test of an event.
import type { Job } from "windlass";
import { expect, test } from "vitest";
import { fromQuery, matches, toBroker, toQuery } from "./filter";

const NOW = Date.parse("2026-01-02T03:04:05Z");
const filter = (query: string) => fromQuery(new URLSearchParams(query));

const job: Job = {
  id: "00ab", handler: "demo/add", version: "9f", channel: "0", queue: "mail", priority: 0, state: "failed", attempt: 1, max_attempts: 1,
  submitted_at: "2026-01-02T03:00:00Z", retry: {}, run_timeout_millis: null, retention_millis: null, schedule: "report",
  tags: { who: "Ada" },
  error: { code: "trap", message: "integer divided by zero", retryable: false },
};

test.each(["", "state=failed%2Cready&handler=demo%2Fadd", "queue=mail&schedule=report&tag=who%3AAda&since=1h&text=a+b&code=trap"])("the address %j comes back", (query) => {
  expect(toQuery(filter(query)).toString()).toBe(query);
});

test("the broker gets what is asked for and nothing else", () => {
  expect(toBroker(filter(""), NOW)).toEqual({});
  expect(toBroker(filter("state=failed,ready&handler=demo/add&tag=a.b:c:d&schedule=report&since=1h&text=disk full&code=trap"), NOW)).toEqual({
    state: { $in: ["failed", "ready"] },
    handler: "demo/add",
    schedule: "report",
    "tags.a\\.b": "c:d",
    submitted_at: { $gte: "2026-01-02T02:04:05.000Z" },
    $text: "disk full",
    "error.code": "trap",
  });
  expect(toBroker(filter("tag=who"), NOW)).toEqual({ "tags.who": { $exists: true } });
});

test.each([
  ["", true],
  ["state=failed", true],
  ["state=ready,running", false],
  ["handler=demo/add&queue=mail", true],
  ["queue=other", false],
  ["schedule=report", true],
  ["schedule=other", false],
  ["tag=who", true],
  ["tag=who:Ada", true],
  ["tag=who:Bob", false],
  ["tag=where", false],
  ["since=5m", true],
  ["since=1m", false],
  ["until=2026-01-02T02:00:00Z", false],
  ["text=ZERO demo", true],
  ["text=zero nothing", false],
  ["text=ada", true],
  ["code=trap", true],
  ["code=timed_out", false],
])("the filter %j and a failed job: %s", (query, does) => {
  expect(matches(filter(query), job, NOW)).toBe(does);
});
