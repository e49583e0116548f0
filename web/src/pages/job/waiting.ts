// Whether a job waits, and what it comes after, in words.

import type { After, Job } from "windlass";
import { isFinal } from "$lib/ui/states";

export function isWaiting(job: Job | undefined): boolean {
  return job !== undefined && job.state !== "running" && !isFinal(job.state);
}

/** Which ends of the jobs it comes after let it start. */
export function afterWords({ jobs, need, ended }: After): string {
  const how = ended === "success" ? "succeeded" : "ended";
  if (jobs.length === 1) return `once it has ${how}`;
  return need === "all" ? `once all have ${how}` : `once any one has ${how}`;
}
