// One call or submission from the Run page: sent, followed to its end, or stopped.
import type { Job, Problem, Subscription } from "windlass";
import { live } from "$lib/live";
import { problemOf } from "$lib/problem/problem";

/** What came of it. A job is followed until it is final. */
export type Outcome =
  | { readonly is: "idle" }
  | { readonly is: "calling"; readonly since: number }
  | { readonly is: "value"; readonly text: string; readonly millis: number }
  | { readonly is: "problem"; readonly problem: Problem; readonly millis: number }
  | { readonly is: "submitting" }
  | { readonly is: "job"; readonly id: string; readonly job?: Job; readonly text?: string; readonly problem?: Problem };

export interface Request {
  readonly action: "call" | "submit";
  readonly handler: string;
  readonly args: unknown;
  readonly opts: Record<string, unknown>;
}

export class Run {
  outcome: Outcome = $state.raw({ is: "idle" });
  readonly busy = $derived(this.outcome.is === "calling" || this.outcome.is === "submitting");
  #abort: AbortController | null = null;
  #watch: Subscription | null = null;

  /** Sends it; answers the broker's refusal, if it refused. */
  async start(request: Request): Promise<Problem | null> {
    this.stop();
    const abort = new AbortController();
    this.#abort = abort;
    const began = performance.now();
    try {
      if (request.action === "call") await this.#call(request, abort.signal, began);
      else await this.#submit(request);
      return null;
    } catch (error) {
      if (abort.signal.aborted) return null;
      const problem = problemOf(error);
      this.outcome = { is: "problem", problem, millis: performance.now() - began };
      return problem;
    }
  }

  /** Stops a call, and following a job. The job itself goes on. */
  stop(): void {
    this.#abort?.abort();
    this.#abort = null;
    this.#watch?.close();
    this.#watch = null;
    this.outcome = { is: "idle" };
  }

  async #call({ handler, args, opts }: Request, signal: AbortSignal, began: number): Promise<void> {
    this.outcome = { is: "calling", since: live.now };
    const text = await live.client.requestText(handler, { args, opts }, { signal });
    this.outcome = { is: "value", text, millis: performance.now() - began };
  }

  async #submit({ handler, args, opts }: Request): Promise<void> {
    this.outcome = { is: "submitting" };
    const id = await live.client.submit(handler, args, opts);
    this.outcome = { is: "job", id };
    this.#watch = live.client.subscribe<Job>("job", { filter: { job: id } }, {
      event: (job) => void this.#follow(id, job),
      refused: (error) => (this.outcome = { is: "job", id, problem: problemOf(error) }),
    });
  }

  async #follow(id: string, job: Job): Promise<void> {
    if (this.outcome.is !== "job" || this.outcome.id !== id) return;
    this.outcome = { is: "job", id, job };
    if (job.ended_at === undefined) return;
    this.#watch?.close();
    if (job.state !== "succeeded") {
      if (job.error) this.outcome = { is: "job", id, job, problem: job.error };
      return;
    }
    try {
      const text = await live.client.requestText("job.result", { job: id });
      if (this.outcome.is === "job" && this.outcome.id === id) this.outcome = { is: "job", id, job, text };
    } catch (error) {
      this.outcome = { is: "job", id, job, problem: problemOf(error) };
    }
  }
}
