// Where rows go when pages and news arrive.
import { expect, test } from "vitest";
import type { Row } from "./row";
import { NEWS_MAX, Rows } from "./rows";

function row(second: number, change: Partial<Row> = {}): Row {
  const time = new Date(second * 1_000).toISOString();
  return {
    id: `job${second}`, handler: "demo/add", queue: "default", state: "ready", attempt: 0, attemptsMax: 1,
    submittedAt: time, startedAt: undefined, endedAt: undefined, runAt: undefined, held: false, retried: false, note: "", ...change,
  };
}

function shown(rows: Rows): string[] {
  return rows.order.map((id) => id.slice(3));
}

test("news waits until it is shown, then leads", () => {
  const rows = new Rows();
  rows.append([row(9), row(8)]);
  rows.announce(row(10), true, false);
  rows.announce(row(11), true, false);
  expect(shown(rows)).toEqual(["9", "8"]);
  expect(rows.newsCount).toBe(2);
  rows.showNews();
  expect(shown(rows)).toEqual(["11", "10", "9", "8"]);
  expect(rows.newsCount).toBe(0);
});

test("a change stays in its place", () => {
  const rows = new Rows();
  rows.append([row(9), row(8)]);
  expect(rows.update(row(8, { state: "failed" }))).toBe(true);
  expect(rows.update(row(7))).toBe(false);
  expect(rows.slice(0, 2).map(({ state }) => state)).toEqual(["ready", "failed"]);
});

test("a job that is gone leaves no gap", () => {
  const rows = new Rows();
  rows.append([row(9), row(8), row(7)]);
  rows.remove(["job8", "job1"]);
  expect(shown(rows)).toEqual(["9", "7"]);
  expect(rows.update(row(8))).toBe(false);
});

test("a job that begins to match goes to its place in time", () => {
  const rows = new Rows();
  rows.append([row(9), row(5)]);
  rows.announce(row(7), true, false);
  rows.showNews();
  expect(shown(rows)).toEqual(["9", "7", "5"]);
});

test("a job further down than what is loaded is no news, unless all is loaded", () => {
  const rows = new Rows();
  rows.append([row(9), row(5)]);
  rows.announce(row(3), true, false);
  expect(rows.newsCount).toBe(0);
  rows.announce(row(3), true, true);
  expect(rows.newsCount).toBe(1);
});

test("news that no longer belongs is taken back", () => {
  const rows = new Rows();
  rows.append([row(9)]);
  rows.announce(row(10), true, false);
  rows.announce(row(10, { state: "succeeded" }), false, false);
  expect(rows.newsCount).toBe(0);
});

test("a page brings a row that was news only once, as it was told last", () => {
  const rows = new Rows();
  rows.announce(row(9, { state: "running" }), true, false);
  rows.append([row(9), row(8)]);
  expect(shown(rows)).toEqual(["9", "8"]);
  expect(rows.get("job9")?.state).toBe("running");
  expect(rows.newsCount).toBe(0);
});

test("more news than is kept is said to be more", () => {
  const rows = new Rows();
  for (let second = 0; second <= NEWS_MAX; second += 1) rows.announce(row(second), true, true);
  expect(rows.newsCount).toBe(NEWS_MAX);
  expect(rows.overflown).toBe(true);
});
