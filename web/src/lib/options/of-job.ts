// The options a job was submitted with, as far as they are not the defaults.

import type { After, Job, Retry, SubmitOptions } from "windlass";

const RUN_MILLIS_DEFAULT = 30_000;
const RETRY_DEFAULT: Retry = { initial: "1s", factor: 2, max: "1h", jitter: 0.1 };
const RETRY_KINDS = 4;
const UNITS = [["d", 86_400_000], ["h", 3_600_000], ["m", 60_000], ["s", 1_000]] as const;

export function optionsOf(job: Job): SubmitOptions & Record<string, unknown> {
  const { queue, priority, tags, retry, run_timeout_millis: run, queue_timeout_millis: wait, serial_key, after } = job;
  return {
    ...(queue === "default" ? {} : { queue }),
    ...(priority === 0 ? {} : { priority }),
    ...(run === RUN_MILLIS_DEFAULT ? {} : { run_timeout: run === null ? "never" : spanOf(run) }),
    ...(wait === undefined ? {} : { queue_timeout: spanOf(wait) }),
    ...(serial_key === undefined ? {} : { serial_key }),
    ...(after === undefined ? {} : { after: shortest(after) }),
    ...((retry.max_attempts ?? 1) > 1 ? { retry: retryOf(retry) } : {}),
    ...(tags && Object.keys(tags).length > 0 ? { tags } : {}),
  };
}

/** What is not the default of how a job is tried again. */
export function retryOf(retry: Retry): Retry {
  const isOwn = ([name, value]: [string, unknown]) => (name === "on" ? (value as string[]).length < RETRY_KINDS : value !== RETRY_DEFAULT[name as keyof Retry]);
  return Object.fromEntries(Object.entries(retry).filter(isOwn));
}

/** `90000` as `90s`, `3600000` as `1h`: exact, in the largest unit that is. */
function spanOf(millis: number): string {
  const unit = UNITS.find(([, size]) => millis > 0 && millis % size === 0);
  return unit ? `${millis / unit[1]}${unit[0]}` : `${millis}ms`;
}

function shortest(after: After): After | string[] {
  return after.need === "all" && after.ended === "success" ? after.jobs : after;
}
