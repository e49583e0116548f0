// Which jobs are selected, and which row the keyboard is at.

export class Selection {
  /** Replaced at each change. */
  ids = $state.raw<ReadonlySet<string>>(new Set());
  active = $state<string>();
  /** Where a range begins. */
  #anchor: string | undefined;

  has(id: string): boolean {
    return this.ids.has(id);
  }

  toggle(id: string): void {
    const ids = new Set(this.ids);
    if (!ids.delete(id)) ids.add(id);
    this.ids = ids;
    this.#anchor = id;
    this.active = id;
  }

  /** Everything between the last one chosen and this one. */
  extend(id: string, order: readonly string[]): void {
    const from = order.indexOf(this.#anchor ?? id);
    const to = order.indexOf(id);
    const range = order.slice(Math.max(0, Math.min(from, to)), Math.max(from, to) + 1);
    this.ids = new Set([...this.ids, ...range]);
    this.#anchor ??= id;
    this.active = id;
  }

  all(order: readonly string[]): void {
    this.ids = new Set(order);
  }

  clear(): void {
    this.ids = new Set();
    this.#anchor = undefined;
  }

  /** Moves the keyboard's row by so many; answers where it is now. */
  move(by: number, order: readonly string[]): number {
    const at = this.active === undefined ? -1 : order.indexOf(this.active);
    const to = Math.min(order.length - 1, Math.max(0, at < 0 && by < 0 ? 0 : at + by));
    this.active = order[to];
    return to;
  }
}
