// A job's life as stages in a row: waiting, running, pauses between attempts. Pure; the present arrives as an argument.

import type { Attempt, Job } from "windlass";

export interface Stage {
  kind: "wait" | "run" | "pause" | "unknown";
  title: string;
  from: number;
  to: number;
  /** It goes on. */
  open: boolean;
  /** Of a run that ended. */
  attempt?: Attempt;
}

const WAITS: Record<string, string> = {
  scheduled: "waits for its time",
  blocked: "waits for other jobs",
  ready: "waits to run",
};

export function stages(job: Job, now: number): Stage[] {
  const found: Stage[] = [];
  let at = Date.parse(job.submitted_at);
  const until = (to: number, stage: Omit<Stage, "from" | "to" | "open">, open = false) => {
    found.push({ ...stage, from: at, to: Math.max(at, to), open });
    at = Math.max(at, to);
  };
  for (const attempt of job.attempts ?? []) {
    if (found.length === 0 && attempt.number > 1) until(Date.parse(attempt.started_at), { kind: "unknown", title: "earlier attempts, no longer kept" });
    else until(Date.parse(attempt.started_at), waited(attempt.number));
    until(Date.parse(attempt.ended_at), { kind: "run", title: `attempt ${attempt.number}`, attempt });
  }
  if (job.ended_at !== undefined) {
    const end = Date.parse(job.ended_at);
    const began = job.attempts?.length ? "after the last attempt" : "waited";
    if (end > at) until(end, { kind: "wait", title: began });
    return found;
  }
  if (job.started_at !== undefined) {
    until(Date.parse(job.started_at), waited(job.attempt));
    until(now, { kind: "run", title: `attempt ${job.attempt} runs` }, true);
  } else if (job.state === "scheduled" && job.attempt > 0) {
    until(now, { kind: "pause", title: "waits for its next attempt" }, true);
  } else {
    const isHeld = job.state === "scheduled" && job.held === true && job.run_at === undefined;
    until(now, { kind: "wait", title: isHeld ? "waits for its release" : (WAITS[job.state] ?? "waits") }, true);
  }
  return found;
}

function waited(attempt: number): Pick<Stage, "kind" | "title"> {
  return attempt > 1 ? { kind: "pause", title: "pause" } : { kind: "wait", title: "waited" };
}
