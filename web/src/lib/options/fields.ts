// The options of calls, jobs and schedules that are one line of text each: how they are called and what they are when left empty.

export type OptionsOf = "call" | "submit" | "schedule";

export interface OptionField {
  readonly name: string;
  readonly title: string;
  /** What it is when nothing is typed. */
  readonly empty: string;
  /** Sent as a number, if it is one. */
  readonly number?: true;
  /** Stands within the option `retry`. */
  readonly retry?: true;
  /** Needed by few: shown on demand. */
  readonly rare?: true;
  /** What it is about, where the title does not tell. */
  readonly hint?: string;
}

const TIMEOUT: OptionField = { name: "timeout", title: "Timeout", empty: "30s" };

/** Options that only one job has, and not all that a schedule submits. */
const OF_ONE: readonly OptionField[] = [
  { name: "delay", title: "Delay", empty: "none" },
  { name: "run_at", title: "Not before", empty: "2030-01-31T09:00:00Z", rare: true },
  { name: "idempotency_key", title: "Idempotency key", empty: "none", rare: true, hint: "The same key within a day answers the same job." },
];

const OF_JOBS: readonly OptionField[] = [
  { name: "queue", title: "Queue", empty: "default" },
  { name: "priority", title: "Priority", empty: "0; −100 to 100", number: true },
  { name: "run_timeout", title: "Run timeout", empty: "30s; or never" },
  { name: "max_attempts", title: "Attempts", empty: "1", number: true, retry: true },
  { name: "initial", title: "First pause", empty: "1s", retry: true },
  { name: "factor", title: "Pause factor", empty: "2", number: true, retry: true },
  { name: "max", title: "Longest pause", empty: "1h", retry: true },
  { name: "queue_timeout", title: "Queue timeout", empty: "never", rare: true, hint: "The time it may wait before each attempt; then it expires." },
  { name: "serial_key", title: "Serial key", empty: "none", rare: true, hint: "Of the jobs with the same key one runs at a time." },
  { name: "max_worker_deaths", title: "Worker deaths", empty: "3", number: true, rare: true, hint: "Workers it may lose before it is quarantined." },
];

const FIELDS: Record<OptionsOf, readonly OptionField[]> = {
  call: [TIMEOUT],
  submit: [...OF_JOBS.slice(0, 2), ...OF_ONE, ...OF_JOBS.slice(2)],
  schedule: OF_JOBS,
};

export function fieldsOf(what: OptionsOf): readonly OptionField[] {
  return FIELDS[what];
}

/** Every field there is, once. */
export const ALL_FIELDS: readonly OptionField[] = [TIMEOUT, ...OF_ONE, ...OF_JOBS];

/** The pointer at which the broker tells what is wrong with it. */
export function pointerTo({ name, retry }: OptionField): string {
  return retry ? `/opts/retry/${name}` : `/opts/${name}`;
}
