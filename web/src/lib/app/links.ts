// Links to pages that take names of their own.

/** The queues, with this one alone to be seen. */
export function queueLink(queue: string): string {
  return `#/queues?${new URLSearchParams({ text: queue })}`;
}

/** The jobs of a queue that are in a state. */
export function queueJobsLink(queue: string, state: string): string {
  return `#/jobs?${new URLSearchParams({ state, queue })}`;
}

/** The page that runs a handler. */
export function runLink(handler: string): string {
  return `#/run/${handler.split("/").map(encodeURIComponent).join("/")}`;
}
