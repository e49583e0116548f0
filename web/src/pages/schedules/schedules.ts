// A page of schedules with the states of the jobs they submitted last.

import type { Client, Job, JobState, RequestOptions, Schedule, SchedulePage } from "windlass";

/** The broker's limit of one page. */
export const PAGE_SCHEDULES_MAX = 1_000;
const IDS_MAX = 1_000;

export interface Listed {
  readonly items: readonly Schedule[];
  /** There are more behind them. */
  readonly more: boolean;
  /** Of the jobs they submitted last, as far as those are still there. */
  readonly states: ReadonlyMap<string, JobState>;
}

export async function list(client: Client, limit: number, options: RequestOptions): Promise<Listed> {
  const { items, next } = await client.request<SchedulePage>("schedule.list", { limit }, options);
  const jobs = items.flatMap(({ last }) => last?.job ?? []).slice(0, IDS_MAX);
  return { items, more: next !== undefined, states: jobs.length === 0 ? new Map() : await statesOf(client, jobs, options) };
}

export async function statesOf(client: Client, ids: readonly string[], options: RequestOptions = {}): Promise<Map<string, JobState>> {
  const page = await client.query({ filter: { id: { $in: ids } }, fields: ["state"], limit: ids.length }, options);
  return new Map(page.items.map(({ id, state }: Job) => [id, state]));
}

/** The list with a schedule as the broker answered it. */
export function withSchedule(listed: Listed, schedule: Schedule): Listed {
  const others = listed.items.filter(({ name }) => name !== schedule.name);
  return { ...listed, items: [...others, schedule].sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

export function withoutSchedule(listed: Listed, gone: string): Listed {
  return { ...listed, items: listed.items.filter(({ name }) => name !== gone) };
}
