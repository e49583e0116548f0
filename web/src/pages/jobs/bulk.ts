// One action on many jobs: by their ids, in portions the broker takes, or by a filter, until none is left.

import type { BulkAction, BulkAnswer, Client, Filter } from "windlass";
import { isFinal } from "$lib/ui/states";
import { toBroker, type JobFilter } from "./filter";
import type { Row } from "./row";

/** A filter's list takes so many values. */
const IDS_MAX = 1_000;
const FAILURES_MAX = 100;

export interface Many {
  action: BulkAction;
  /** These, or without them all that the filter finds. */
  ids: readonly string[] | undefined;
  filter: JobFilter;
  /** When it was asked for: jobs submitted later, as retries are, do not belong. */
  at: number;
}

export const ACTIONS: readonly BulkAction[] = ["cancel", "retry", "release", "purge"];

export const WORDS: Record<BulkAction, { verb: string; done: string; cannot: string; warning: string }> = {
  cancel: { verb: "Cancel", done: "cancelled", cannot: "the others have ended", warning: "A running handler is stopped at once. This cannot be undone; a cancelled job can be retried." },
  retry: { verb: "Retry", done: "submitted again", cannot: "the others have not ended, or were retried already", warning: "Each is submitted again as a new job with the same arguments, on the active version of its plugin." },
  release: { verb: "Release", done: "released", cannot: "the others are not held", warning: "Each goes on as if it had not been held." },
  purge: { verb: "Purge", done: "purged", cannot: "the others have not ended", warning: "Each is forgotten with its result and its log. This cannot be undone." },
};

/** Whether it can be done to the job of a row. */
export function canAct(action: BulkAction, { state, held, retried }: Row): boolean {
  if (action === "retry") return isFinal(state) && !retried;
  if (action === "purge") return isFinal(state);
  return !isFinal(state) && (action === "cancel" || held);
}

/** How many jobs it can be done to. */
export async function count(client: Client, many: Many): Promise<BulkAnswer> {
  const sum = nothing();
  for (const part of parts(many)) {
    const answer = await client.bulk(part, many.action, true);
    add(sum, answer);
    sum.cut ||= answer.cut;
  }
  return sum;
}

/** Does it, telling after each portion what was done so far; ends early when `signal` says so. */
export async function act(client: Client, many: Many, signal: AbortSignal, told: (sum: BulkAnswer) => void): Promise<BulkAnswer> {
  const sum = nothing();
  for (const part of parts(many)) {
    let answer: BulkAnswer;
    do {
      if (signal.aborted) return { ...sum, cut: true };
      answer = await client.bulk(part, many.action);
      add(sum, answer);
      told({ ...sum });
    } while (answer.cut && answer.changed > 0);
    sum.cut ||= answer.cut;
  }
  return sum;
}

function nothing(): BulkAnswer {
  return { matched: 0, changed: 0, failed: [], cut: false };
}

function add(sum: BulkAnswer, answer: BulkAnswer): void {
  const known = new Set(sum.failed.map(({ job }) => job));
  sum.matched += answer.matched;
  sum.changed += answer.changed;
  sum.failed = [...sum.failed, ...answer.failed.filter(({ job }) => !known.has(job))].slice(0, FAILURES_MAX);
}

function parts({ ids, filter, at }: Many): Filter[] {
  if (ids === undefined) {
    const found = toBroker(filter, at);
    return [{ ...found, submitted_at: { $lt: new Date(at).toISOString(), ...(found.submitted_at as Filter | undefined) } }];
  }
  const count = Math.ceil(ids.length / IDS_MAX);
  return Array.from({ length: count }, (_, index) => ({ id: { $in: ids.slice(index * IDS_MAX, (index + 1) * IDS_MAX) } }));
}
