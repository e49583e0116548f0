// One job while its page is shown: its record by events, its arguments once, its result when there is one, its log as it grows.

import { memberText, Refused, type Job, type Problem, type Subscription, type Waiting } from "windlass";
import { live } from "$lib/live";
import { isWaiting } from "./waiting";

const LOGS_MILLIS = 1_000;
/** Why a job waits changes with other jobs and its queue, and events tell only of the job. */
const WAITING_MILLIS = 2_000;

export class WatchedJob {
  readonly id: string;
  job = $state.raw<Job>();
  /** JSON text, with every digit. */
  args = $state.raw<string>();
  /** JSON text, once it succeeded. */
  result = $state.raw<string>();
  resultProblem = $state.raw<Problem>();
  logs = $state.raw<string>();
  /** When the log came, in the broker's time. */
  logsAt = $state(0);
  error = $state.raw<Error>();
  /** Why it does not run yet. */
  waiting = $state.raw<Waiting>();
  /** When the record came, in the broker's time. */
  at = $state(0);

  #stop = new AbortController();
  #subscription: Subscription;
  #logsTimer: ReturnType<typeof setTimeout> | undefined;
  #waitingTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(id: string) {
    this.id = id;
    this.#subscription = live.client.subscribe<Job>("job", { filter: { job: id } }, {
      event: (job) => this.#take(job),
      refused: (error) => (this.error = error),
    });
    void this.#readArgs();
  }

  close(): void {
    this.#stop.abort();
    this.#subscription.close();
    clearTimeout(this.#logsTimer);
    clearTimeout(this.#waitingTimer);
  }

  #take(job: Job): void {
    const before = this.job;
    this.job = job;
    this.at = live.now;
    if (job.state === "succeeded" && this.result === undefined) void this.#readResult();
    this.#readWaitingSoon(0);
    if (before?.state !== job.state || before?.attempt !== job.attempt) this.#readLogsSoon(0);
  }

  async #readArgs(): Promise<void> {
    const text = await this.#ask("job.get");
    if (text !== undefined) this.args = memberText(text, "args") ?? "{}";
  }

  async #readResult(): Promise<void> {
    try {
      this.result = await live.client.requestText("job.result", { job: this.id }, { signal: this.#stop.signal });
    } catch (error) {
      if (error instanceof Refused) this.resultProblem = error.problem;
    }
  }

  /** Why it waits is read at each event, and again and again while it waits. */
  #readWaitingSoon(millis: number): void {
    clearTimeout(this.#waitingTimer);
    if (!isWaiting(this.job)) {
      this.waiting = undefined;
      return;
    }
    this.#waitingTimer = setTimeout(async () => {
      const text = document.hidden ? undefined : await this.#ask("job.get");
      if (this.#stop.signal.aborted) return;
      if (text !== undefined && isWaiting(this.job)) this.waiting = (JSON.parse(text) as Job).waiting;
      this.#readWaitingSoon(WAITING_MILLIS);
    }, millis);
  }

  /** The log is read when the state changes, and each second while the job runs. */
  #readLogsSoon(millis: number): void {
    clearTimeout(this.#logsTimer);
    this.#logsTimer = setTimeout(async () => {
      const text = await this.#ask("job.logs");
      if (text !== undefined) {
        this.logs = JSON.parse(text) as string;
        this.logsAt = live.now;
      }
      if (this.job?.state === "running" && !this.#stop.signal.aborted) this.#readLogsSoon(LOGS_MILLIS);
    }, millis);
  }

  async #ask(op: string): Promise<string | undefined> {
    try {
      return await live.client.requestText(op, { job: this.id }, { signal: this.#stop.signal });
    } catch (error) {
      if (!this.#stop.signal.aborted) this.error = error as Error;
      return undefined;
    }
  }
}
