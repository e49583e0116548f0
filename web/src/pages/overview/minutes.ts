// A second-by-second history as sums by minute, newest first: the chart's table.

export interface Minute {
  /** `13:05`, local. */
  minute: string;
  sums: number[];
}

/** `history` is a column of seconds since the epoch, then columns of counts. */
export function byMinute(history: readonly number[][]): Minute[] {
  const [times = [], ...columns] = history;
  const found = new Map<number, number[]>();
  times.forEach((time, index) => {
    const minute = Math.floor(time / 60);
    const sums = found.get(minute) ?? columns.map(() => 0);
    found.set(minute, sums.map((sum, column) => sum + (columns[column]![index] ?? 0)));
  });
  return [...found].sort(([a], [b]) => b - a).map(([minute, sums]) => ({ minute: clock(minute * 60_000), sums }));
}

function clock(millis: number): string {
  const time = new Date(millis);
  return `${String(time.getHours()).padStart(2, "0")}:${String(time.getMinutes()).padStart(2, "0")}`;
}
