// The rows of the list and those that wait to be shown: what is where, and nothing that draws or fetches.

import { newerFirst, type Row } from "./row";

export const ROWS_MAX = 100_000;
/** More news than that is not kept: showing it means to load again. */
export const NEWS_MAX = 2_000;

export class Rows {
  /** Ids in their order on the page. */
  order: string[] = [];
  readonly #byId = new Map<string, Row>();
  readonly #news = new Map<string, Row>();
  /** There is news that was not kept. */
  overflown = false;

  get newsCount(): number {
    return this.#news.size;
  }

  get full(): boolean {
    return this.order.length >= ROWS_MAX;
  }

  get(id: string): Row | undefined {
    return this.#byId.get(id);
  }

  slice(from: number, to: number): Row[] {
    return this.order.slice(from, to).map((id) => this.#byId.get(id)!);
  }

  clear(): void {
    this.order = [];
    this.#byId.clear();
    this.#news.clear();
    this.overflown = false;
  }

  /** A page from the broker, older than all before it. */
  append(page: Row[]): void {
    for (const row of page) {
      if (this.#byId.has(row.id) || this.full) continue;
      this.order.push(row.id);
      this.#byId.set(row.id, this.#news.get(row.id) ?? row);
      this.#news.delete(row.id);
    }
  }

  /** A row that changed in place; answers whether it is in the list. */
  update(row: Row): boolean {
    if (!this.#byId.has(row.id)) return false;
    this.#byId.set(row.id, row);
    return true;
  }

  /** Jobs that are no longer there. */
  remove(ids: readonly string[]): void {
    const gone = new Set(ids.filter((id) => this.#byId.delete(id)));
    if (gone.size > 0) this.order = this.order.filter((id) => !gone.has(id));
  }

  /** News of a job that is not in the list: it waits if it belongs there. `isAll` says whether the list has its oldest row. */
  announce(row: Row, belongs: boolean, isAll: boolean): void {
    this.#news.delete(row.id);
    if (!belongs) return;
    const last = this.#byId.get(this.order.at(-1) ?? "");
    const isFurtherDown = last !== undefined && !isAll && newerFirst(last, row) < 0;
    if (isFurtherDown) return;
    if (this.#news.size >= NEWS_MAX) this.overflown = true;
    else this.#news.set(row.id, row);
  }

  /** Puts the news where they belong. */
  showNews(): void {
    const news = [...this.#news.values()].sort(newerFirst);
    this.#news.clear();
    for (const row of news) this.#byId.set(row.id, row);
    const first = this.#byId.get(this.order[0] ?? "");
    const oldest = news.at(-1);
    const ids = news.map(({ id }) => id);
    if (!first || !oldest || newerFirst(oldest, first) < 0) this.order = [...ids, ...this.order];
    else this.order = [...ids, ...this.order].sort((a, b) => newerFirst(this.#byId.get(a)!, this.#byId.get(b)!));
    for (const id of this.order.splice(ROWS_MAX)) this.#byId.delete(id);
  }
}
