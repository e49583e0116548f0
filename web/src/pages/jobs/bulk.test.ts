// One action on many jobs, in portions and until none is left.
import type { BulkAnswer, Client, Filter } from "windlass";
import { expect, test } from "vitest";
import { act, canAct, count, type Many } from "./bulk";
import { fromQuery } from "./filter";
import type { Row } from "./row";

const AT = Date.parse("2026-01-02T03:04:05Z");
const filter = fromQuery(new URLSearchParams("queue=mail"));
const never = new AbortController().signal;

/** A broker that answers so, one after the other, and what it was asked. */
function broker(...answers: Partial<BulkAnswer>[]) {
  const asked: { filter: Filter; dryRun: boolean }[] = [];
  const bulk = (filter: Filter, _: string, dryRun = false) => {
    asked.push({ filter, dryRun });
    return Promise.resolve({ matched: 0, changed: 0, failed: [], cut: false, ...answers[asked.length - 1] });
  };
  return { asked, client: { bulk } as unknown as Client };
}

const byFilter: Many = { action: "retry", ids: undefined, filter, at: AT };

test("jobs submitted after it was asked for do not belong", async () => {
  const { asked, client } = broker({ matched: 7 });
  expect(await count(client, byFilter)).toMatchObject({ matched: 7, cut: false });
  expect(asked).toEqual([{ filter: { queue: "mail", submitted_at: { $lt: "2026-01-02T03:04:05.000Z" } }, dryRun: true }]);
});

test("ids go in portions", async () => {
  const { asked, client } = broker({ matched: 1_000, changed: 1_000 }, { matched: 500, changed: 499, failed: [{ job: "a", code: "bad_state", message: "" }] });
  const ids = Array.from({ length: 1_500 }, (_, index) => `${index}`);
  expect(await act(client, { ...byFilter, ids }, never, () => {})).toMatchObject({ changed: 1_499, failed: [{ job: "a" }], cut: false });
  expect(asked.map(({ filter }) => (filter.id as { $in: string[] }).$in.length)).toEqual([1_000, 500]);
});

test("what was cut goes on until none is left, and each refusal is told once", async () => {
  const failed = [{ job: "a", code: "bad_state", message: "" }];
  const { asked, client } = broker({ changed: 9_999, failed, cut: true }, { changed: 20, failed });
  const told: number[] = [];
  expect(await act(client, byFilter, never, ({ changed }) => told.push(changed))).toMatchObject({ changed: 10_019, failed, cut: false });
  expect(told).toEqual([9_999, 10_019]);
  expect(asked.length).toBe(2);
});

test("it ends where nothing more can be done, and where one stops it", async () => {
  expect(await act(broker({ changed: 0, cut: true }).client, byFilter, never, () => {})).toMatchObject({ changed: 0, cut: true });
  const stop = new AbortController();
  const { asked, client } = broker({ changed: 10_000, cut: true }, { changed: 10_000, cut: true });
  expect(await act(client, byFilter, stop.signal, () => stop.abort())).toMatchObject({ changed: 10_000, cut: true });
  expect(asked.length).toBe(1);
});

test("what can be done to a row depends on its state", () => {
  const row = (change: Partial<Row>) => ({ state: "ready", held: false, retried: false, ...change }) as Row;
  const actions = (change: Partial<Row>) => (["cancel", "retry", "release", "purge"] as const).filter((action) => canAct(action, row(change)));
  expect(actions({})).toEqual(["cancel"]);
  expect(actions({ state: "scheduled", held: true })).toEqual(["cancel", "release"]);
  expect(actions({ state: "failed" })).toEqual(["retry", "purge"]);
  expect(actions({ state: "failed", retried: true })).toEqual(["purge"]);
});
