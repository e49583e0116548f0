// All queues while their page is shown. No topic tells of them, so they are asked for again and again.

import type { Queue } from "windlass";
import { live } from "$lib/live";

const POLL_MILLIS = 2_000;

export class QueueList {
  /** None until the first list has come. */
  items = $state.raw<Queue[]>();
  /** When it came, in the broker's time. */
  at = $state(0);
  error = $state.raw<Error>();

  #stop = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Grows with each request and each change: a list that was asked for before is older than what is or will be shown. */
  #turn = 0;

  constructor() {
    document.addEventListener("visibilitychange", () => this.refresh(), { signal: this.#stop.signal });
    this.refresh();
  }

  close(): void {
    this.#stop.abort();
    clearTimeout(this.#timer);
  }

  /** Asks now, and from then on while the page can be seen. */
  refresh(): void {
    clearTimeout(this.#timer);
    this.#turn += 1;
    if (!document.hidden && !this.#stop.signal.aborted) void this.#poll(this.#turn);
  }

  /** Shows a queue as the broker answered it. */
  changed(queue: Queue): void {
    this.#turn += 1;
    this.items = this.items?.map((other) => (other.name === queue.name ? queue : other));
  }

  async #poll(turn: number): Promise<void> {
    try {
      const { items } = await live.client.request<{ items: Queue[] }>("queue.list", {}, { signal: this.#stop.signal });
      this.error = undefined;
      if (turn === this.#turn) {
        this.items = items;
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
