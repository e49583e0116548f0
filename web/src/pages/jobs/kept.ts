// The list that was left last: going back to it shows the same rows at the same place.

import type { JobFilter } from "./filter";
import type { Rows } from "./rows";

export interface Kept {
  /** The step of the browser's history that it belongs to. */
  step: number;
  filter: JobFilter;
  rows: Rows;
  next: string | undefined;
  cut: boolean;
  /** What `since` counts from. */
  since: number;
  /** The first row to be seen, with a fraction where it was cut. */
  topRow: number;
  /** The row the keyboard was at. */
  active: string | undefined;
}

let kept: Kept | undefined;

export function keep(list: Kept): void {
  kept = list;
}

/** The list of this step, if it was of the same filter; it is given away once. */
export function take(step: number, filter: JobFilter): Kept | undefined {
  const found = kept?.step === step && JSON.stringify(kept.filter) === JSON.stringify(filter) ? kept : undefined;
  kept = undefined;
  return found;
}
