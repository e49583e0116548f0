// Problems from wherever they come, and what can be read in them.
import { type Problem, Refused } from "windlass";

/** What went wrong, in the one shape for it. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Refused) return error.problem;
  return { code: "connection_lost", message: error instanceof Error ? error.message : String(error), retryable: true };
}

/** What a problem's detail says, taken apart. */
export interface Detail {
  /** The place in the request, such as `/args/x`. */
  readonly pointer: string | null;
  /** The functions a trap went through, innermost first. */
  readonly frames: readonly string[];
  /** The rule that an upload broke. */
  readonly rule: string | null;
  /** Where in the file that was noticed, in bytes. */
  readonly offset: number | null;
  /** Anything else, such as the error value of a handler. */
  readonly value: unknown;
}

export function detailOf({ code, detail }: Problem): Detail {
  const empty: Detail = { pointer: null, frames: [], rule: null, offset: null, value: undefined };
  if (detail === undefined || detail === null) return empty;
  if (code === "handler_error" || typeof detail !== "object") return { ...empty, value: detail };
  const { pointer, frames, rule, where, trap, ...rest } = detail as Record<string, unknown>;
  return {
    pointer: typeof pointer === "string" ? pointer : null,
    frames: Array.isArray(frames) ? frames.map(String) : [],
    rule: typeof rule === "string" ? rule : null,
    offset: typeof where === "object" && where !== null && "offset" in where ? Number(where.offset) : null,
    value: Object.keys(rest).length > 0 ? rest : undefined,
  };
}

/** The message without what is shown beside it: the pointer it begins with, the place in the frame it ends with. */
export function plainMessage({ message, detail }: Problem): string {
  const pointer = (detail as { pointer?: unknown } | null | undefined)?.pointer;
  const prefix = `\`${String(pointer)}\`: `;
  const rest = message.startsWith(prefix) ? message.slice(prefix.length) : message;
  return rest.replace(/ at line \d+ column \d+$/, "");
}
