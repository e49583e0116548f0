// Links to pages that take names of their own.

/** The page that runs a handler. */
export function runLink(handler: string): string {
  return `#/run/${handler.split("/").map(encodeURIComponent).join("/")}`;
}
