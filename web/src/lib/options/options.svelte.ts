// The options of a call, a job or a schedule as they are typed. The broker judges them; what is empty is left out.

import type { After } from "windlass";
import { ALL_FIELDS, fieldsOf, type OptionsOf } from "./fields";

/** Options as the broker names them. */
export type Opts = Record<string, unknown>;

export class Options {
  /** What stands in the fields of one line, by their names. */
  readonly typed: Record<string, string> = $state(Object.fromEntries(ALL_FIELDS.map(({ name }) => [name, ""])));
  /** A digest; empty for the active version. */
  version = $state("");
  /** Tags as lines of `name=value`. */
  tags = $state("");
  hold = $state(false);
  /** Ids of the jobs it comes after, apart by white space. */
  after = $state("");
  need = $state<After["need"]>("all");
  ended = $state<After["ended"]>("success");
  /** Those that have no field, to be sent as they were. */
  #others: Opts = {};
  #retryOthers: Opts = {};

  /** Takes options over. Each has a field or is kept as it is. */
  fill(opts: Opts): void {
    const { tags = {}, hold = false, after, version = "", retry = {}, ...plain } = opts;
    this.#others = { ...plain };
    this.#retryOthers = { ...(retry as Opts) };
    for (const { name, retry: inRetry } of ALL_FIELDS) {
      const from = inRetry ? this.#retryOthers : this.#others;
      this.typed[name] = from[name] === undefined ? "" : String(from[name]);
      delete from[name];
    }
    this.tags = Object.entries(tags as object).map(([name, value]) => `${name}=${value}`).join("\n");
    this.version = version as string;
    this.hold = hold as boolean;
    const { jobs, need, ended } = afterOf(after as After | string[] | undefined);
    this.after = jobs.join("\n");
    this.need = need;
    this.ended = ended;
  }

  /** What goes to the broker. */
  value(what: OptionsOf): Opts {
    const opts: Opts = what === "call" ? {} : { ...this.#others };
    const retry: Opts = what === "call" ? {} : { ...this.#retryOthers };
    for (const { name, number, retry: inRetry } of fieldsOf(what)) {
      const text = this.typed[name]!.trim();
      if (text !== "") (inRetry ? retry : opts)[name] = number && Number.isFinite(Number(text)) ? Number(text) : text;
    }
    if (Object.keys(retry).length > 0) opts.retry = retry;
    if (this.version !== "") opts.version = this.version;
    if (what !== "call" && this.tags.trim() !== "") opts.tags = tagsOf(this.tags);
    return what === "submit" ? { ...opts, ...this.#order() } : opts;
  }

  /** Whether a field that is shown on demand has something in it. */
  hasRare(what: OptionsOf): boolean {
    const isTyped = fieldsOf(what).some(({ name, rare }) => rare && this.typed[name] !== "");
    return isTyped || (what === "submit" && (this.hold || this.after.trim() !== ""));
  }

  #order(): Opts {
    const jobs = this.after.split(/[\s,]+/).filter(Boolean);
    const isPlain = this.need === "all" && this.ended === "success";
    return {
      ...(this.hold ? { hold: true } : {}),
      ...(jobs.length === 0 ? {} : { after: isPlain ? jobs : { jobs, need: this.need, ended: this.ended } }),
    };
  }
}

/** A list of ids is short for all of them, ended well. */
function afterOf(after: After | string[] = []): After {
  return Array.isArray(after) ? { jobs: after, need: "all", ended: "success" } : after;
}

function tagsOf(text: string): Record<string, string> {
  const lines = text.split("\n").map((line) => line.trim());
  const pairs = lines.filter(Boolean).map((line) => {
    const at = line.indexOf("=");
    return at < 0 ? ([line, ""] as const) : ([line.slice(0, at).trim(), line.slice(at + 1).trim()] as const);
  });
  return Object.fromEntries(pairs);
}
