// The limits of a queue as they are typed, shown, and sent.

import type { Queue, QueueLimits, Rate } from "windlass";
import { count } from "$lib/ui/format";

/** What stands in the fields; empty means no limit. */
export interface LimitDraft {
  concurrency: string;
  /** Starts. */
  starts: string;
  /** The span they are counted in, such as `1s`. */
  per: string;
}

const PER_DEFAULT = "1s";

export function draftOf({ concurrency, rate }: Queue): LimitDraft {
  return {
    concurrency: concurrency === null ? "" : String(concurrency),
    starts: rate === null ? "" : String(rate.count),
    per: rate === null ? PER_DEFAULT : String(rate.per),
  };
}

/** What is typed, for the broker to judge; what is no number goes as the text it is. */
export function limitsOf({ concurrency, starts, per }: LimitDraft): QueueLimits {
  return {
    concurrency: number(concurrency),
    rate: starts.trim() === "" ? null : { count: number(starts)!, per: per.trim() },
  };
}

/** `4 at once, 10 per 1s, 2 at once of each customer`. */
export function limitWords({ concurrency, rate, per_tag }: Queue): string {
  const words = wordsOf(concurrency, rate);
  if (per_tag !== null) words.push(`${wordsOf(per_tag.concurrency, per_tag.rate).join(", ")} of each ${per_tag.tag}`);
  return words.join(", ") || "none";
}

function wordsOf(concurrency?: number | null, rate?: Rate | null): string[] {
  const words = [];
  if (concurrency != null) words.push(`${count(concurrency)} at once`);
  if (rate != null) words.push(`${count(rate.count)} per ${rate.per}`);
  return words;
}

function number(text: string): number | null {
  const typed = text.trim();
  if (typed === "") return null;
  return /^\d+$/.test(typed) ? Number(typed) : (typed as unknown as number);
}
