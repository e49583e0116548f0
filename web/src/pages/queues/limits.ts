// The limits of a queue as they are typed, shown, and sent.

import type { Queue, QueueLimits, Rate, TagLimit } from "windlass";
import { count } from "$lib/ui/format";

/** What stands in the fields of one limit; empty means none. */
export interface LimitDraft {
  concurrency: string;
  /** Starts. */
  starts: string;
  /** The span they are counted in, such as `1s`. */
  per: string;
}

/** A limit of the queue, and one of each value of a tag. */
export interface LimitsDraft {
  queue: LimitDraft;
  /** Empty means that no tag is limited. */
  tag: string;
  each: LimitDraft;
}

const PER_DEFAULT = "1s";

type Limit = Pick<TagLimit, "concurrency" | "rate"> | Pick<Queue, "concurrency" | "rate">;

export function draftOf(queue: Queue): LimitsDraft {
  return { queue: one(queue), tag: queue.per_tag?.tag ?? "", each: one(queue.per_tag ?? {}) };
}

/** What is typed, for the broker to judge; what is no number goes as the text it is. */
export function limitsOf({ queue, tag, each }: LimitsDraft): QueueLimits {
  const { concurrency, rate } = limit(each);
  const per_tag = tag.trim() === "" ? null : { tag: tag.trim(), ...(concurrency === null ? {} : { concurrency }), ...(rate === null ? {} : { rate }) };
  return { ...limit(queue), per_tag };
}

/** `4 at once, 10 per 1s; each customer: 1 at once`. */
export function limitWords(queue: Queue): string {
  const tagged = queue.per_tag ? `each ${queue.per_tag.tag}: ${words(queue.per_tag)}` : "";
  return [words(queue), tagged].filter(Boolean).join("; ") || "none";
}

function one({ concurrency, rate }: Limit): LimitDraft {
  return {
    concurrency: concurrency == null ? "" : String(concurrency),
    starts: rate == null ? "" : String(rate.count),
    per: rate == null ? PER_DEFAULT : String(rate.per),
  };
}

function limit({ concurrency, starts, per }: LimitDraft): { concurrency: number | null; rate: Rate | null } {
  return {
    concurrency: number(concurrency),
    rate: starts.trim() === "" ? null : { count: number(starts)!, per: per.trim() },
  };
}

function words({ concurrency, rate }: Limit): string {
  const found = [];
  if (concurrency != null) found.push(`${count(concurrency)} at once`);
  if (rate != null) found.push(`${count(rate.count)} per ${rate.per}`);
  return found.join(", ");
}

function number(text: string): number | null {
  const typed = text.trim();
  if (typed === "") return null;
  return /^\d+$/.test(typed) ? Number(typed) : (typed as unknown as number);
}
