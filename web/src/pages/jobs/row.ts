// A job as a row of the list: little enough that 100,000 of them fit.

import type { Job, JobState } from "windlass";

export interface Row {
  readonly id: string;
  readonly handler: string;
  readonly queue: string;
  readonly state: JobState;
  readonly attempt: number;
  readonly attemptsMax: number;
  /** RFC 3339. */
  readonly submittedAt: string;
  readonly startedAt: string | undefined;
  readonly endedAt: string | undefined;
  readonly runAt: string | undefined;
  /** It waits for its release. */
  readonly held: boolean;
  /** There is a retry of it. */
  readonly retried: boolean;
  /** Why it failed, or its tags. */
  readonly note: string;
}

/** What is asked of the broker for a row. */
export const FIELDS = [
  "handler", "queue", "state", "attempt", "max_attempts", "submitted_at", "started_at", "ended_at", "run_at",
  "held", "retried_as", "error.code", "error.message", "tags",
];

const NOTE_CHARS_MAX = 160;
const known = new Map<string, string>();
const KNOWN_MAX = 4_096;

/** Handlers and queues repeat: one string for all rows. */
function shared(text: string): string {
  const found = known.get(text);
  if (found !== undefined) return found;
  if (known.size < KNOWN_MAX) known.set(text, text);
  return text;
}

export function toRow(job: Job): Row {
  return {
    id: job.id,
    handler: shared(job.handler),
    queue: shared(job.queue),
    state: shared(job.state),
    attempt: job.attempt,
    attemptsMax: job.max_attempts,
    submittedAt: job.submitted_at,
    startedAt: job.started_at,
    endedAt: job.ended_at,
    runAt: job.run_at,
    held: job.held === true,
    retried: job.retried_as !== undefined,
    note: note(job),
  };
}

function note({ error, tags }: Job): string {
  const text = error ? error.message : Object.entries(tags ?? {}).map(([key, value]) => `${key}:${value}`).join("  ");
  return text.length > NOTE_CHARS_MAX ? `${text.slice(0, NOTE_CHARS_MAX)}…` : text;
}

/** Newest first, as the broker lists them. */
export function newerFirst(a: Row, b: Row): number {
  return a.submittedAt < b.submittedAt ? 1 : a.submittedAt > b.submittedAt ? -1 : a.id < b.id ? 1 : a.id > b.id ? -1 : 0;
}
