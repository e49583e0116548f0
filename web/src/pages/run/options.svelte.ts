// The options of a call or submission as they are typed. The broker judges them; what is empty is left out.

import type { Job } from "windlass";

/** Options of one text each, by the names the broker has for them. */
export const CALL_OPTIONS = ["timeout", "version"] as const;
export const SUBMIT_OPTIONS = ["queue", "priority", "delay", "run_timeout", "max_attempts", "initial", "factor", "max", "version"] as const;
type Name = (typeof CALL_OPTIONS)[number] | (typeof SUBMIT_OPTIONS)[number];

const IN_RETRY: readonly Name[] = ["max_attempts", "initial", "factor", "max"];
const NUMBERS: readonly Name[] = ["priority", "max_attempts", "factor"];

export class Options {
  readonly typed: Record<Name, string> = $state({
    timeout: "", version: "", queue: "", priority: "", delay: "", run_timeout: "", max_attempts: "", initial: "", factor: "", max: "",
  });
  /** Tags as lines of `name=value`. */
  tags = $state("");

  /** Takes over what was asked for with a job. */
  like({ queue, priority, max_attempts, tags = {} }: Job): void {
    this.typed.queue = queue === "default" ? "" : queue;
    this.typed.priority = priority === 0 ? "" : String(priority);
    this.typed.max_attempts = max_attempts === 1 ? "" : String(max_attempts);
    this.tags = Object.entries(tags).map(([name, value]) => `${name}=${value}`).join("\n");
  }

  /** What goes to the broker. */
  value(action: "call" | "submit"): Record<string, unknown> {
    const opts: Record<string, unknown> = {};
    const retry: Record<string, unknown> = {};
    for (const name of names(action)) {
      const text = this.typed[name].trim();
      if (text === "") continue;
      const value = NUMBERS.includes(name) && Number.isFinite(Number(text)) ? Number(text) : text;
      (IN_RETRY.includes(name) ? retry : opts)[name] = value;
    }
    if (Object.keys(retry).length > 0) opts.retry = retry;
    if (action === "submit" && this.tags.trim() !== "") opts.tags = tagsOf(this.tags);
    return opts;
  }
}

/** The pointer within the options at which the broker tells what is wrong with one. */
export function pointerTo(name: Name | "tags"): string {
  return IN_RETRY.includes(name as Name) ? `/opts/retry/${name}` : `/opts/${name}`;
}

function names(action: "call" | "submit"): readonly Name[] {
  return action === "call" ? CALL_OPTIONS : SUBMIT_OPTIONS;
}

function tagsOf(text: string): Record<string, string> {
  const lines = text.split("\n").map((line) => line.trim());
  const pairs = lines.filter(Boolean).map((line) => {
    const at = line.indexOf("=");
    return at < 0 ? ([line, ""] as const) : ([line.slice(0, at).trim(), line.slice(at + 1).trim()] as const);
  });
  return Object.fromEntries(pairs);
}
