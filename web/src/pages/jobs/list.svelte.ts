// The list while it is shown: pages as one scrolls, changes in place, news announced and shown on demand.

import type { Filter, Job, JobChanges, JobQuery, Page, Subscription } from "windlass";
import { live } from "$lib/live";
import { matches, toBroker, type JobFilter } from "./filter";
import { keep, type Kept } from "./kept";
import { FIELDS, toRow } from "./row";
import { Rows } from "./rows";

const FIRST_PAGE_JOBS = 100;
const PAGE_JOBS = 1_000;
/** At most so often are rows asked for that events may have missed. */
const REFRESH_MILLIS = 1_000;
const REFRESH_JOBS_MAX = 200;

export class JobList {
  rows = new Rows();
  /** Grows whenever rows changed. */
  version = $state(0);
  loading = $state(false);
  /** The first page is there. */
  loaded = $state(false);
  error = $state.raw<Error>();
  next = $state.raw<string>();
  /** The broker stopped looking at its row budget; more may be found further on. */
  cut = $state(false);
  /** When it was last known to be right, in the broker's time. */
  at = $state(0);
  /** News may go in by itself: nobody is pointing at a row. */
  follows = true;
  /** The first row to be seen. */
  topRow = 0;

  #filter: JobFilter | undefined;
  #visible: readonly string[] = [];
  /** Rows that may have changed while no event told of it; they are asked for as they come to be seen. */
  #doubtful = new Set<string>();
  #since = 0;
  #run: AbortController | undefined;
  #subscription: Subscription | undefined;
  #refresh: ReturnType<typeof setTimeout> | undefined;

  /** How many rows wait to be shown; `more` if there are others beside them. */
  news = $derived.by(() => {
    void this.version;
    return { count: this.rows.newsCount, more: this.rows.overflown };
  });

  /** Begins with another filter, or again with the same, or where a list was left. */
  load(filter: JobFilter, kept?: Kept): void {
    this.close();
    this.#filter = filter;
    this.#since = kept?.since ?? live.now;
    this.#run = new AbortController();
    this.rows = kept?.rows ?? new Rows();
    this.next = kept?.next;
    this.cut = kept?.cut ?? false;
    this.topRow = kept?.topRow ?? 0;
    this.loaded = kept !== undefined;
    this.error = undefined;
    this.version += 1;
    const { handler, queue } = filter;
    const fixed = { ...(handler && { handler }), ...(queue && { queue }) };
    this.#subscription = live.client.subscribe<JobChanges>("jobs", { filter: fixed }, {
      event: (changes) => this.#take(changes),
      gap: () => this.#missed(),
      refused: (error) => (this.error = error),
    });
    if (kept) void this.#comeBack();
    else void this.#page(FIRST_PAGE_JOBS);
  }

  /** Ends, keeping what there is for whoever comes back. */
  leave(step: number, active: string | undefined): void {
    this.close();
    const filter = this.#filter;
    if (!filter || this.rows.order.length === 0) return;
    keep({ step, filter, rows: this.rows, next: this.next, cut: this.cut, since: this.#since, topRow: this.topRow, active });
  }

  /** Something was done of which no event tells: the rows are asked for again. */
  doubt(): void {
    this.#doubtful = new Set(this.rows.order);
    this.#refreshSoon();
  }

  /** The rows that are on the screen now. */
  see(ids: readonly string[]): void {
    this.#visible = ids;
    if (ids.some((id) => this.#doubtful.has(id))) this.#refreshSoon();
  }

  /** The next page, if there is one. */
  more(): void {
    if (this.next !== undefined && !this.loading && !this.rows.full) void this.#page(PAGE_JOBS);
  }

  again(): void {
    this.error = undefined;
    if (this.#filter && !this.loaded) this.load(this.#filter);
    else this.more();
  }

  /** Shows what waits; if not all of it was kept, by loading the first page again. */
  showNews(): void {
    if (this.rows.overflown) return void this.#reload();
    this.rows.showNews();
    this.version += 1;
  }

  close(): void {
    this.#run?.abort();
    this.#subscription?.close();
    clearTimeout(this.#refresh);
    this.#refresh = undefined;
    this.#doubtful.clear();
    this.loading = false;
  }

  async #page(limit: number): Promise<void> {
    const run = this.#run!;
    this.loading = true;
    try {
      const filter = toBroker(this.#filter!, this.#since);
      const query = { filter, fields: FIELDS, limit, ...(this.next === undefined ? {} : { cursor: this.next }) };
      const page = await live.client.query(query, { signal: run.signal });
      this.rows.append(page.items.map(toRow));
      this.next = page.next;
      this.cut = page.cut;
      this.at = live.now;
      this.loaded = true;
    } catch (error) {
      if (!run.signal.aborted) this.error = error as Error;
    }
    if (run.signal.aborted) return;
    this.loading = false;
    this.version += 1;
  }

  /** What is new since the list was left waits to be shown; the rows may all have changed. */
  async #comeBack(): Promise<void> {
    this.#doubtful = new Set(this.rows.order);
    const page = await this.#quietly({ filter: toBroker(this.#filter!, this.#since), fields: FIELDS, limit: FIRST_PAGE_JOBS });
    if (!page) return;
    let known = 0;
    for (const row of page.items.map(toRow)) {
      if (this.rows.update(row)) known += 1;
      else this.rows.announce(row, true, false);
    }
    if (known === 0) this.rows.overflown = true;
    this.at = live.now;
    this.version += 1;
    // What is seen at first is what belongs there now.
    await this.#refreshVisible(toBroker(this.#filter!, this.#since));
  }

  #take({ items, more }: JobChanges): void {
    const filter = this.#filter!;
    for (const job of items) this.#change(job, matches(filter, job, live.now));
    if (more > 0) this.#missed();
    this.at = live.now;
    if (this.follows && this.loaded && !this.loading && !this.rows.overflown && this.rows.newsCount > 0) this.showNews();
    else this.version += 1;
  }

  #change(job: Job, belongs: boolean): void {
    const row = toRow(job);
    this.#doubtful.delete(row.id);
    if (!this.rows.update(row)) this.rows.announce(row, belongs, this.loaded && this.next === undefined);
  }

  /** Events were missed: that there may be news is said, and what is on the screen is asked for soon. */
  #missed(): void {
    this.rows.overflown = true;
    this.doubt();
  }

  #refreshSoon(): void {
    this.#refresh ??= setTimeout(async () => {
      await (this.follows ? this.#reload() : this.#refreshVisible());
      this.#refresh = undefined;
      if (!this.#run?.signal.aborted && this.error === undefined) this.see(this.#visible);
    }, REFRESH_MILLIS);
  }

  /** The first page again, in the place of all rows, without a blank moment. */
  async #reload(): Promise<void> {
    const filter = toBroker(this.#filter!, live.now);
    const page = await this.#quietly({ filter, fields: FIELDS, limit: FIRST_PAGE_JOBS });
    if (!page) return;
    this.#doubtful.clear();
    this.rows.clear();
    this.rows.append(page.items.map(toRow));
    this.next = page.next;
    this.cut = page.cut;
    this.version += 1;
  }

  /** Those on the screen that are not found, among those that `filter` means, are no longer there. */
  async #refreshVisible(filter: Filter = {}): Promise<void> {
    const ids = this.#visible.filter((id) => this.#doubtful.has(id)).slice(0, REFRESH_JOBS_MAX);
    if (ids.length === 0) return;
    const page = await this.#quietly({ filter: { $and: [filter, { id: { $in: ids } }] }, fields: FIELDS, limit: REFRESH_JOBS_MAX });
    if (!page) return;
    for (const id of ids) this.#doubtful.delete(id);
    const found = new Set(page.items.map(({ id }) => id));
    for (const job of page.items) this.rows.update(toRow(job));
    this.rows.remove(ids.filter((id) => !found.has(id)));
    this.version += 1;
  }

  async #quietly(query: JobQuery): Promise<Page<Job> | undefined> {
    const run = this.#run!;
    try {
      return await live.client.query(query, { signal: run.signal });
    } catch (error) {
      if (!run.signal.aborted) this.error = error as Error;
      return undefined;
    }
  }
}
