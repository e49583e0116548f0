// Links to pages that take names of their own.

/** The queues, with this one alone to be seen. */
export function queueLink(queue: string): string {
  return `#/queues?${new URLSearchParams({ text: queue })}`;
}

/** The jobs of a queue that are in a state. */
export function queueJobsLink(queue: string, state: string): string {
  return `#/jobs?${new URLSearchParams({ state, queue })}`;
}

/** The schedules, with this one alone to be seen. */
export function scheduleLink(schedule: string): string {
  return `#/schedules?${new URLSearchParams({ text: schedule })}`;
}

/** The jobs a schedule submitted. */
export function scheduleJobsLink(schedule: string): string {
  return `#/jobs?${new URLSearchParams({ schedule })}`;
}

/** The page that runs a handler. */
export function runLink(handler: string): string {
  return `#/run/${handler.split("/").map(encodeURIComponent).join("/")}`;
}
