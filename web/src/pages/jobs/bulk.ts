// One action on many jobs: by their ids, in portions the broker takes, or by a filter.

import type { BulkAnswer, Client, Filter } from "windlass";
import { toBroker, type JobFilter } from "./filter";

/** A filter's list takes so many values. */
const IDS_MAX = 1_000;
const FAILURES_MAX = 100;

export interface Bulk {
  action: "cancel" | "retry";
  ids: readonly string[] | undefined;
  filter: JobFilter;
  dryRun: boolean;
  now: number;
}

export async function bulk(client: Client, { action, ids, filter, dryRun, now }: Bulk): Promise<BulkAnswer> {
  const sum: BulkAnswer = { matched: 0, changed: 0, failed: [], cut: false };
  for (const part of ids === undefined ? [toBroker(filter, now)] : portions(ids)) {
    const answer = await client.bulk(part, action, dryRun);
    sum.matched += answer.matched;
    sum.changed += answer.changed;
    sum.failed = [...sum.failed, ...answer.failed].slice(0, FAILURES_MAX);
    sum.cut ||= answer.cut;
  }
  return sum;
}

function portions(ids: readonly string[]): Filter[] {
  const count = Math.ceil(ids.length / IDS_MAX);
  return Array.from({ length: count }, (_, index) => ({ id: { $in: ids.slice(index * IDS_MAX, (index + 1) * IDS_MAX) } }));
}
