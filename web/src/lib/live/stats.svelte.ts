// Statistics, a new one each second, and the last hour of them.

import type { Stats } from "windlass";
import { live } from "./live.svelte";

const SECONDS_MAX = 3_600;

/** What the chart draws. */
export type Series = "submitted" | "succeeded" | "failed";
const SERIES: readonly Series[] = ["submitted", "succeeded", "failed"];

class LiveStats {
  current = $state.raw<Stats>();
  /** When they came, in the broker's time. */
  at = $state(0);
  error = $state.raw<Error>();
  /** The chart's columns, oldest first: seconds since the epoch, then one column for each series. Replaced, never changed. */
  history = $state.raw<number[][]>([[], [], [], []]);

  /** Subscribes for the life of the page. */
  start(): void {
    live.client.subscribe<Stats>("stats", {}, {
      event: (data) => this.#take(data),
      refused: (error) => (this.error = error),
    });
  }

  #take(data: Stats): void {
    live.heard(data.at);
    this.at = live.now;
    this.current = data;
    this.history = data.history ? whole(data.history) : next(this.history, data);
  }
}

function whole(history: NonNullable<Stats["history"]>): number[][] {
  const columns = SERIES.map((name) => (history[name] as number[] | undefined) ?? []);
  const count = Math.max(...columns.map((column) => column.length));
  const end = Math.floor(Date.parse(history.end_at) / 1_000);
  const times = Array.from({ length: count }, (_, index) => end - (count - 1 - index) * history.step_seconds);
  return [times, ...columns.map((column) => [...Array<number>(count - column.length).fill(0), ...column])];
}

function next(history: number[][], { at, rates }: Stats): number[][] {
  const time = Math.floor(Date.parse(at) / 1_000);
  const last = history[0]!.at(-1);
  if (last !== undefined && time <= last) return history;
  const row = [time, ...SERIES.map((name) => rates[name] ?? 0)];
  const from = Math.max(0, history[0]!.length + 1 - SECONDS_MAX);
  return history.map((column, index) => [...column.slice(from), row[index]!]);
}

export const stats = new LiveStats();
