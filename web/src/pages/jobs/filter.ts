// What the list shows: the page's address, the broker's query and the test of a live event are all made from one filter.

import type { Filter, Job } from "windlass";
import { FINAL_STATES, LIVE_STATES } from "$lib/ui/states";

export interface JobFilter {
  states: string[];
  handler: string;
  queue: string;
  /** The schedule that submitted it. */
  schedule: string;
  /** `key` or `key:value`. */
  tag: string;
  /** A span such as `1h` back from now, or an RFC 3339 time. */
  since: string;
  until: string;
  /** Words that id, handler, queue, error or tags contain. */
  text: string;
  /** The code of its error. */
  code: string;
}

export const STATES: readonly string[] = [...LIVE_STATES, ...FINAL_STATES];
const TEXTS = ["handler", "queue", "schedule", "tag", "since", "until", "text", "code"] as const;
const SPAN = /^(\d+)(s|m|h|d)$/;
const SPAN_MILLIS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

export function fromQuery(query: URLSearchParams): JobFilter {
  const texts = Object.fromEntries(TEXTS.map((name) => [name, query.get(name) ?? ""]));
  const states = (query.get("state") ?? "").split(",").filter(Boolean);
  return { states, ...texts } as JobFilter;
}

export function toQuery(filter: JobFilter): URLSearchParams {
  const query = new URLSearchParams();
  if (filter.states.length > 0) query.set("state", filter.states.join(","));
  for (const name of TEXTS) if (filter[name] !== "") query.set(name, filter[name]);
  return query;
}

export function isEmpty(filter: JobFilter): boolean {
  return toQuery(filter).size === 0;
}

/** The filter as the broker reads it. `now` makes spans into times. */
export function toBroker(filter: JobFilter, now: number): Filter {
  const found: Filter = {};
  if (filter.states.length > 0) found.state = { $in: filter.states };
  if (filter.handler) found.handler = filter.handler;
  if (filter.queue) found.queue = filter.queue;
  if (filter.schedule) found.schedule = filter.schedule;
  if (filter.code) found["error.code"] = filter.code;
  if (filter.text) found.$text = filter.text;
  if (filter.tag) {
    const { key, value } = tagOf(filter.tag);
    found[`tags.${key.replace(/[\\.]/g, "\\$&")}`] = value === undefined ? { $exists: true } : value;
  }
  const [since, until] = [moment(filter.since, now), moment(filter.until, now)];
  if (since !== undefined || until !== undefined) {
    found.submitted_at = {
      ...(since === undefined ? {} : { $gte: new Date(since).toISOString() }),
      ...(until === undefined ? {} : { $lt: new Date(until).toISOString() }),
    };
  }
  return found;
}

/** Whether a job that changed belongs in the list: what the broker would say. */
export function matches(filter: JobFilter, job: Job, now: number): boolean {
  if (filter.states.length > 0 && !filter.states.includes(job.state)) return false;
  if (filter.handler && job.handler !== filter.handler) return false;
  if (filter.queue && job.queue !== filter.queue) return false;
  if (filter.schedule && job.schedule !== filter.schedule) return false;
  if (filter.code && job.error?.code !== filter.code) return false;
  if (filter.tag) {
    const { key, value } = tagOf(filter.tag);
    const has = job.tags?.[key];
    if (has === undefined || (value !== undefined && has !== value)) return false;
  }
  const at = Date.parse(job.submitted_at);
  const [since, until] = [moment(filter.since, now), moment(filter.until, now)];
  if ((since !== undefined && at < since) || (until !== undefined && at >= until)) return false;
  return filter.text === "" || containsWords(job, filter.text);
}

function containsWords(job: Job, text: string): boolean {
  const tags = Object.entries(job.tags ?? {}).flat();
  const places = [job.id, job.handler, job.queue, job.error?.code, job.error?.message, ...tags];
  const hay = places.map((place) => (place ?? "").toLowerCase());
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return words.every((word) => hay.some((place) => place.includes(word)));
}

function tagOf(tag: string): { key: string; value: string | undefined } {
  const colon = tag.indexOf(":");
  return colon < 0 ? { key: tag, value: undefined } : { key: tag.slice(0, colon), value: tag.slice(colon + 1) };
}

function moment(text: string, now: number): number | undefined {
  const span = SPAN.exec(text);
  if (span) return now - Number(span[1]) * SPAN_MILLIS[span[2]!]!;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}
