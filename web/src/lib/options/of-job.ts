// The options a job was submitted with, as far as they are not the defaults.

import type { Job, SubmitOptions } from "windlass";

const RUN_MILLIS_DEFAULT = 30_000;

export function optionsOf(job: Job): SubmitOptions & Record<string, unknown> {
  const { queue, priority, tags, retry, run_timeout_millis: run, queue_timeout_millis: wait, serial_key, after } = job;
  return {
    ...(queue === "default" ? {} : { queue }),
    ...(priority === 0 ? {} : { priority }),
    ...(run === RUN_MILLIS_DEFAULT ? {} : { run_timeout: run === null ? "never" : `${run}ms` }),
    ...(wait === undefined ? {} : { queue_timeout: `${wait}ms` }),
    ...(serial_key === undefined ? {} : { serial_key }),
    ...(after === undefined ? {} : { after }),
    ...((retry.max_attempts ?? 1) > 1 ? { retry } : {}),
    ...(tags && Object.keys(tags).length > 0 ? { tags } : {}),
  };
}
