// What the broker shows: jobs, plugins, workers, connections, statistics. Times are RFC 3339 in UTC.

import type { Problem } from "./problem.ts";

/** A job's state. The set may grow. */
export type JobState =
  | "scheduled" | "blocked" | "ready" | "running"
  | "succeeded" | "failed" | "cancelled" | "expired"
  | (string & {});

export interface Job {
  id: string;
  handler: string;
  /** Digest of the plugin version it runs on. */
  version: string;
  channel: string;
  queue: string;
  priority: number;
  state: JobState;
  /** Runs begun so far. */
  attempt: number;
  max_attempts: number;
  submitted_at: string;
  run_at?: string;
  started_at?: string;
  ended_at?: string;
  error?: Problem;
  /** Ended attempts, oldest first; the last ten. */
  attempts?: Attempt[];
  retry: Retry;
  run_timeout_millis: number | null;
  /** The time it may wait before each attempt. */
  queue_timeout_millis?: number;
  /** When its waiting ends and it expires. */
  expires_at?: string;
  /** It waits for `job.release`, now or once the jobs it comes after have ended. */
  held?: boolean;
  /** What must have ended before it may start. */
  after?: After;
  /** Of the jobs with the same key one runs at a time. */
  serial_key?: string;
  /** The job it is a child of. */
  parent?: string;
  /** Its children; only where one job is asked for, and if it has any. */
  children?: Children;
  idempotency_key?: string;
  /** How long it is kept once it is final; null = until it is purged. */
  retention_millis: number | null;
  /** Until when it is kept; only once it is final. */
  kept_until?: string;
  /** Why it does not run yet; only where one job is asked for. */
  waiting?: Waiting;
  tags?: Record<string, string>;
  /** The schedule that submitted it. */
  schedule?: string;
  /** The tick of the schedule it was submitted for; none if that was triggered. */
  scheduled_for?: string;
  /** Left out of lists and events. */
  args?: unknown;
  /** The job this one is a retry of. */
  retry_of?: string;
  /** The job that retries this one. */
  retried_as?: string;
}

export interface After {
  jobs: string[];
  /** All of them, or any one. */
  need: "all" | "any";
  /** Whether only success counts, or any end. */
  ended: "success" | "finished";
}

/** How many children of a job are in which state; with `cut` only the newest were counted. */
export interface Children {
  states: Record<string, number>;
  cut: boolean;
}

/** What a job waits for. The set may grow. */
export type Waiting =
  | { for: "jobs"; jobs: string[] }
  | { for: "queue_concurrency" | "queue_paused" | "release" | "slot" }
  | { for: "queue_rate" | "time"; until: string }
  | { for: "tag_concurrency"; tag: string; value: string }
  | { for: "tag_rate"; tag: string; value: string; until: string }
  | { for: "serial_key"; job: string };

export interface Retry {
  max_attempts?: number;
  initial?: string | number;
  factor?: number;
  max?: string | number;
  jitter?: number;
  on?: string[];
}

export interface Attempt {
  number: number;
  worker: string;
  started_at: string;
  ended_at: string;
  error?: Problem;
  usage: Usage;
}

export interface Usage {
  wall_micros: number;
  cpu_micros: number;
  memory_bytes_peak: number;
}

/** A page of a list; `cut` means that the search stopped at its row budget. */
export interface Page<T> {
  items: T[];
  next?: string;
  cut: boolean;
}

/** Where a job is in its life. With `code` it is not there; one that is `gone` has the state in which it ended. */
export interface JobStatus {
  job: string;
  state?: JobState;
  code?: "gone" | "not_found";
  purged_at?: string;
}

/** Jobs that changed in a window, each as it is now; `more` changed beside them. */
export interface JobChanges {
  items: Job[];
  more: number;
}

export interface SubmitOptions {
  queue?: string;
  priority?: number;
  delay?: string | number;
  run_at?: string;
  hold?: boolean;
  after?: string[] | After;
  serial_key?: string;
  /** A live job: this one is cancelled when it is. */
  parent?: string;
  queue_timeout?: string | number;
  idempotency_key?: string;
  run_timeout?: string | number;
  retry?: Retry;
  max_worker_deaths?: number;
  /** How long it is kept once it is final; "never" = until it is purged. */
  retention?: string | number;
  tags?: Record<string, string>;
  version?: string;
}

export interface CallOptions {
  timeout?: string | number;
  version?: string;
}

/** Filters as MongoDB writes them, over a job's fields. */
export type Filter = Record<string, unknown>;

export interface JobQuery {
  filter?: Filter;
  fields?: string[];
  /** Paths to order by, `-` before those whose greatest value comes first. */
  sort?: string[];
  limit?: number;
  cursor?: string;
}

/** What can be done to many jobs: to live, final and not yet retried, held, and final ones. */
export type BulkAction = "cancel" | "retry" | "release" | "purge";

export interface BulkAnswer {
  matched: number;
  changed: number;
  failed: { job: string; code: string; message: string }[];
  cut: boolean;
}

/** A queue, and how many of its jobs are in which state. */
export interface Queue {
  name: string;
  /** None of its jobs starts. */
  paused: boolean;
  /** So many run at once at most; null = no limit. */
  concurrency: number | null;
  /** So many start in a span at most; null = no limit. */
  rate: Rate | null;
  /** What limits its jobs with the same value of a tag; null = nothing. */
  per_tag: TagLimit | null;
  scheduled: number;
  blocked: number;
  ready: number;
  running: number;
  /** When the oldest of its ready jobs was submitted. */
  oldest_ready_at?: string;
}

/** At most `count` starts in any span `per`. */
export interface Rate {
  count: number;
  per: string | number;
}

/** A limit for each value of a tag; jobs without the tag are not concerned. */
export interface TagLimit {
  tag: string;
  concurrency?: number;
  rate?: Rate;
}

/** What is left out stays as it is, null takes a limit away. */
export interface QueueLimits {
  concurrency?: number | null;
  rate?: Rate | null;
  per_tag?: TagLimit | null;
}

/** What a purge did; with `more`, the limit of one request left some. */
export interface QueuePurge {
  cancelled: number;
  more: boolean;
}

/** A schedule as it is put; what is left out has its default. */
export interface ScheduleOptions {
  /** Five fields, six with seconds before them, or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`. */
  cron: string;
  /** An IANA time zone; default `UTC`. */
  timezone?: string;
  handler: string;
  args?: unknown;
  /** As for a submission, without `delay`, `run_at`, `hold`, `after`, `idempotency_key` and `parent`. */
  opts?: SubmitOptions;
  /** What happens at a tick while a job before is live: another one beside it (default), none, or one instead of it. */
  overlap?: Overlap;
  /** What becomes of ticks that pass while the broker is down: one job for all of them (default), or none. */
  catch_up?: CatchUp;
  /** Its jobs are submitted up to so much later, each by the same span; up to an hour. */
  jitter?: string | number;
  paused?: boolean;
}

export type Overlap = "allow" | "skip" | "cancel";
export type CatchUp = "once" | "skip";

export interface Schedule {
  name: string;
  channel: string;
  cron: string;
  /** `cron` in plain English. */
  description: string;
  timezone: string;
  handler: string;
  /** Left out of lists. */
  args?: unknown;
  opts: SubmitOptions;
  overlap: Overlap;
  catch_up: CatchUp;
  jitter: string;
  paused: boolean;
  created_at: string;
  /** When it was last put, paused or resumed. */
  changed_at: string;
  /** The next ticks, up to five; none while it is paused. */
  next: string[];
  /** What happened last. */
  last?: Tick;
  /** The last ten ticks and triggers, newest first. */
  recent: Tick[];
}

/** What came of a tick or a trigger: a job, or why there is none. */
export interface Tick {
  at: string;
  /** The time of the tick; none = it was triggered. */
  scheduled_for?: string;
  job?: string;
  /** Why no job was submitted. The set may grow. */
  skipped?: "missed" | "overlap" | "refused" | (string & {});
  /** What was wrong, if it was `refused`. */
  error?: Problem;
}

/** A page of schedules by name; `next` is the cursor of the next one. */
export interface SchedulePage {
  items: Schedule[];
  next?: string;
}

export interface Plugin {
  name: string;
  /** Digest of the active version. */
  active: string;
  /** Digest of the version a rollback leads to; none if no other one was active before. */
  rollback_to?: string;
  versions: PluginVersion[];
  handlers: Handler[];
  uncallable?: { name: string; reason: string }[];
  imports?: string[];
}

export interface PluginVersion {
  digest: string;
  bytes: number;
  uploaded_at: string;
}

export interface Handler {
  name: string;
  wit: string;
  params: { name: string; type: string }[];
  result?: string;
  args_schema: unknown;
  result_schema: unknown;
}

export interface PluginUpload {
  created: boolean;
  digest: string;
  plugin: Plugin;
}

export interface Worker {
  id: string;
  name: string;
  kind: string;
  slots: number;
  used: number;
  labels: Record<string, string>;
  since: string;
  running: { job: string; handler: string; attempt: number; since: string }[];
  calls: number;
}

export interface ConnectionView {
  id: string;
  open: boolean;
  name?: string;
  channel: string;
  peer: string;
  connected_at: string;
  ended_at?: string;
  reason?: string;
  in_flight: number;
  subscriptions: number;
  frames_in: number;
  frames_out: number;
}

export interface Identity {
  broker: string;
  version: string;
  start: number;
  started_at: string;
  protocols: string[];
  channel: string;
  connection?: string;
}

/** Counts by name: `submitted`, `succeeded`, `failed`, `cancelled`, `purged`, `calls` and others. In the broker's first second there are none. */
export type Counts = Record<string, number>;

export interface Failure {
  code: string;
  message: string;
  handler: string;
  count: number;
  last_at: string;
  /** The newest. */
  job: string;
}

/** One number a second by the names of the counts, oldest first. */
export interface History {
  end_at: string;
  step_seconds: number;
  [name: string]: number[] | string | number;
}

/** The store: a journal, in which changes are durable, and the state they are folded into in the background. */
export interface StoreFigures {
  state_bytes: number;
  journal_bytes: number;
  /** What is not yet in the state, and how much of that there may be. */
  unfolded_bytes: number;
  unfolded_bytes_max: number;
  /** How long it took to fold it into the state the last time, and how long ago that was. */
  folded_last_millis: number;
  folded_ago_millis: number;
}

export interface Stats {
  at: string;
  started_at: string;
  /** Live jobs now, by state. */
  states: Record<string, number>;
  /** Since `started_at`. */
  totals: Counts;
  /** During the last whole second. */
  rates: Counts;
  oldest_ready_at?: string;
  slots: { used: number; total: number };
  calls: { running: number; waiting: number };
  /** Final jobs that are kept until their retention is over, and purged ones that are known to have been there. */
  retention: { jobs: number; tombstones: number };
  /** Syncs of the last minute. */
  sync: { p50_micros: number; p99_micros: number; count: number };
  store: StoreFigures;
  failures: Failure[];
  history?: History;
}
