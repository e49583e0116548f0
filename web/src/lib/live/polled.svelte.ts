// What no topic tells of: asked for again and again while it is shown and the page can be seen.

import type { RequestOptions } from "windlass";
import { live } from "./live.svelte";

const POLL_MILLIS = 2_000;

export class Polled<T> {
  /** None until the first answer has come. */
  value = $state.raw<T>();
  /** When it came, in the broker's time. */
  at = $state(0);
  error = $state.raw<Error>();

  #ask: (options: RequestOptions) => Promise<T>;
  #stop = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Grows with each request and each change: an answer to what was asked before is older than what is or will be shown. */
  #turn = 0;

  constructor(ask: (options: RequestOptions) => Promise<T>) {
    this.#ask = ask;
    document.addEventListener("visibilitychange", () => this.refresh(), { signal: this.#stop.signal });
    this.refresh();
  }

  close(): void {
    this.#stop.abort();
    clearTimeout(this.#timer);
  }

  /** Asks now, and from then on. */
  refresh(): void {
    clearTimeout(this.#timer);
    this.#turn += 1;
    if (!document.hidden && !this.#stop.signal.aborted) void this.#poll(this.#turn);
  }

  /** Shows what the broker answered to a change. */
  change(update: (value: T) => T): void {
    this.#turn += 1;
    if (this.value !== undefined) this.value = update(this.value);
  }

  async #poll(turn: number): Promise<void> {
    try {
      const value = await this.#ask({ signal: this.#stop.signal });
      this.error = undefined;
      if (turn === this.#turn) {
        this.value = value;
        this.at = live.now;
      }
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      this.error = error as Error;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.refresh(), POLL_MILLIS);
  }
}
