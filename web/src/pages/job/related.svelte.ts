// The jobs a job comes from and those that come from it, as far as they can be found, while its page is shown.

import type { Filter, Job } from "windlass";
import { live } from "$lib/live";
import { isFinal } from "$lib/ui/states";
import type { GraphJob } from "./graph";

export interface RelatedJob extends GraphJob {
  /** None where the job is no longer there. */
  readonly job: Pick<Job, "handler" | "state" | "retried_as"> | undefined;
}

const JOBS_MAX = 50;
/** Of these may lie before the job, so that there is room for those behind it. */
const JOBS_BEFORE_MAX = 25;
/** So many links away from the job. */
const STEPS_MAX = 3;
const STATES_MILLIS = 2_000;
const FIELDS = ["handler", "state", "after", "retry_of", "retried_as"];

type Found = Map<string, RelatedJob>;

export class Related {
  readonly id: string;
  jobs = $state.raw<RelatedJob[]>([]);
  /** There are more of them. */
  more = $state(false);
  /** The broker stopped looking for those behind at its row budget. */
  cut = $state(false);
  /** When their states came, in the broker's time. */
  at = $state(0);

  /** Ends the search that is under way. */
  #stop = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #known: string | undefined;

  constructor(id: string) {
    this.id = id;
  }

  close(): void {
    this.#stop.abort();
    clearTimeout(this.#timer);
  }

  /** The job is so now: if that is new, what is linked to it is looked for anew. */
  follow(job: Job): void {
    const known = `${job.state} ${job.retried_as}`;
    if (known === this.#known) return;
    this.#known = known;
    this.close();
    this.#stop = new AbortController();
    void this.#load(job, this.#stop.signal);
  }

  async #load(job: Job, signal: AbortSignal): Promise<void> {
    const found: Found = new Map([[job.id, toRelated(job)]]);
    this.more = false;
    this.cut = false;
    try {
      await this.#before(job, found);
      await this.#behind(job, found);
    } catch {
      // The page says by itself when the broker does not answer.
      return signal.aborted ? undefined : this.#statesSoon();
    }
    this.jobs = [...found.values()];
    this.at = live.now;
    this.#statesSoon();
  }

  /** What the job comes after or retries, and so on. */
  async #before(job: Job, found: Found): Promise<void> {
    let edge = [toRelated(job)];
    for (let step = 0; step < STEPS_MAX; step += 1) {
      const ids = this.#room(edge.flatMap(({ from }) => from.map(({ id }) => id)), found, JOBS_BEFORE_MAX);
      if (ids.length === 0) return;
      edge = await this.#byId(ids);
      for (const id of ids) found.set(id, edge.find((other) => other.id === id) ?? { id, from: [], job: undefined });
    }
    if (edge.some(({ from }) => from.some(({ id }) => !found.has(id)))) this.more = true;
  }

  /** What comes after the job or retries it, and so on. It was submitted later. */
  async #behind({ id, submitted_at }: Job, found: Found): Promise<void> {
    let edge = [found.get(id)!];
    for (let step = 0; step < STEPS_MAX && edge.length > 0; step += 1) {
      const limit = JOBS_MAX - found.size + 1;
      const filter = { "after.jobs": { $in: edge.map((job) => job.id) }, submitted_at: { $gte: submitted_at } };
      const after = await this.#query(filter, limit);
      const retried = await this.#byId(this.#room(edge.flatMap(({ job }) => job?.retried_as ?? []), found, JOBS_MAX));
      const ids = new Set(this.#room([...after, ...retried].map((job) => job.id), found, JOBS_MAX));
      edge = [...after, ...retried].filter((job) => ids.has(job.id));
      for (const job of edge) found.set(job.id, job);
    }
  }

  /** Those that are new, as many as there is room for. */
  #room(ids: readonly string[], found: Found, max: number): string[] {
    const wanted = [...new Set(ids)].filter((id) => !found.has(id));
    const room = Math.max(0, max - found.size);
    if (wanted.length > room) this.more = true;
    return wanted.slice(0, room);
  }

  #byId(ids: readonly string[]): Promise<RelatedJob[]> {
    return ids.length === 0 ? Promise.resolve([]) : this.#query({ id: { $in: ids } }, ids.length);
  }

  async #query(filter: Filter, limit: number): Promise<RelatedJob[]> {
    const page = await live.client.query({ filter, fields: FIELDS, limit }, { signal: this.#stop.signal });
    if (page.cut) this.cut = true;
    return page.items.map(toRelated);
  }

  /** Their states change with no event to this page, so they are asked for while any of them may. */
  #statesSoon(): void {
    const { signal } = this.#stop;
    const open = this.jobs.filter(({ job }) => job && !isFinal(job.state)).map(({ id }) => id);
    if (open.length === 0 || signal.aborted) return;
    this.#timer = setTimeout(async () => {
      const fresh = document.hidden ? [] : await this.#byId(open).catch(() => []);
      if (signal.aborted) return;
      const byId = new Map(fresh.map((job) => [job.id, job]));
      this.jobs = this.jobs.map((job) => byId.get(job.id) ?? job);
      if (fresh.length > 0) this.at = live.now;
      this.#statesSoon();
    }, STATES_MILLIS);
  }
}

function toRelated(job: Job): RelatedJob {
  const { id, handler, state, after, retry_of, retried_as } = job;
  return {
    id,
    from: [
      ...(after?.jobs ?? []).map((other) => ({ id: other, kind: "after" as const })),
      ...(retry_of === undefined ? [] : [{ id: retry_of, kind: "retry" as const }]),
    ],
    job: { handler, state, ...(retried_as === undefined ? {} : { retried_as }) },
  };
}
