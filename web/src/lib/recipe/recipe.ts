// How to do the same from elsewhere: a call or submission as curl, command line and Python.
import type { After } from "windlass";
import { type Json, JsonNumber, parse } from "../value/json";

export type Language = "curl" | "CLI" | "Python";
export const LANGUAGES: readonly Language[] = ["curl", "CLI", "Python"];

/** A call or a submission. */
export interface Recipe {
  readonly action: "call" | "submit";
  readonly handler: string;
  /** The arguments as JSON text. */
  readonly args: string;
  /** Options as the broker names them. */
  readonly opts: Readonly<Record<string, unknown>>;
  /** The broker's base address, such as `http://127.0.0.1:7878/`. */
  readonly base: string;
}

/** Longer arguments are taken from a file. */
const ARGS_CHARS_INLINE_MAX = 2_000;

/** The recipe in a language. The token comes from `WINDLASS_TOKEN`. */
export function write(recipe: Recipe, language: Language): string {
  switch (language) {
    case "curl":
      return curl(recipe);
    case "CLI":
      return cli(recipe);
    case "Python":
      return python(recipe);
  }
}

/** The file that long arguments are to be saved as, if they are long. */
export function fileOf(recipe: Recipe): string | null {
  return recipe.args.length > ARGS_CHARS_INLINE_MAX ? "args.json" : null;
}

function curl(recipe: Recipe): string {
  const file = fileOf(recipe);
  if (recipe.action === "call") {
    const body = file ? `@${file}` : recipe.args;
    return ["curl", bearer(), quoted(callUrl(recipe)), `--data-binary ${quoted(body)}`].join(" \\\n  ");
  }
  const url = quoted(`${recipe.base}v1/jobs`);
  if (!file) return ["curl", bearer(), url, `--data-binary ${quoted(submission(recipe, recipe.args))}`].join(" \\\n  ");
  const [head, tail] = submission(recipe, "\u0000").split("\u0000");
  const body = `{ printf %s ${quoted(head!)}; cat ${file}; printf %s ${quoted(tail!)}; }`;
  return `${body} |\n  ${["curl", bearer(), url, "--data-binary @-"].join(" ")}`;
}

function bearer(): string {
  return '-H "Authorization: Bearer $WINDLASS_TOKEN"';
}

function callUrl({ base, handler, opts }: Recipe): string {
  const query = new URLSearchParams(Object.entries(opts).map(([name, value]) => [name, String(value)])).toString();
  return `${base}v1/call/${handler}${query && `?${query}`}`;
}

function submission({ handler, opts }: Recipe, args: string): string {
  const options = Object.keys(opts).length > 0 ? `,"opts":${JSON.stringify(opts)}` : "";
  return `{"handler":${JSON.stringify(handler)},"args":${args}${options}}`;
}

function cli(recipe: Recipe): string {
  const { action, handler, args, opts, base } = recipe;
  const file = fileOf(recipe);
  const parts = [`windlass ${action === "call" ? "run" : "submit"} ${handler}`, `--url ${quoted(base.replace(/\/$/, ""))}`];
  if (args !== "{}") parts.push(`--args ${quoted(file ? `@${file}` : args)}`);
  return [...parts, ...Object.entries(opts).flatMap(([name, value]) => flags(name, value))].join(" \\\n  ");
}

function flags(name: string, value: unknown): string[] {
  const flag = `--${name.replaceAll("_", "-")}`;
  if (name === "tags") return Object.entries(value as object).map(([key, of]) => `--tag ${quoted(`${key}=${of}`)}`);
  if (name === "retry") {
    return Object.entries(value as object).map(([key, of]) => {
      return `--${key === "max_attempts" ? "max-attempts" : `retry-${key}`} ${quoted(Array.isArray(of) ? of.join(",") : String(of))}`;
    });
  }
  if (name === "after") return after(value as string[] | After);
  if (value === true) return [flag];
  // A negative number would be taken for a flag of its own.
  return [`${flag}=${quoted(String(value))}`];
}

function after(value: string[] | After): string[] {
  const { jobs, need, ended } = Array.isArray(value) ? { jobs: value, need: "all", ended: "success" } : value;
  return [...jobs.map((job) => `--after ${job}`), ...(need === "any" ? ["--after-any"] : []), ...(ended === "finished" ? ["--after-finished"] : [])];
}

function python(recipe: Recipe): string {
  const file = fileOf(recipe);
  const isCall = recipe.action === "call";
  const args = file ? `json.load(open("${file}"))` : literal(parse(recipe.args), isCall ? 0 : 1);
  const parts = [`"handler": ${JSON.stringify(recipe.handler)}`, `"args": ${args}`];
  if (Object.keys(recipe.opts).length > 0) parts.push(`"opts": ${literal(parse(JSON.stringify(recipe.opts)), 1)}`);
  const body = isCall ? args : `{\n    ${parts.join(",\n    ")},\n}`;
  return `import json, os, urllib.request

body = ${body}
request = urllib.request.Request(
    ${JSON.stringify(isCall ? callUrl(recipe) : `${recipe.base}v1/jobs`)},
    data=json.dumps(body).encode(),
    headers={"Authorization": "Bearer " + os.environ["WINDLASS_TOKEN"]},
)
with urllib.request.urlopen(request) as answer:
    print(json.load(answer)${isCall ? "" : '["job"]'})`;
}

const LINE_CHARS_MAX = 72;

/** A JSON value as Python writes it. */
function literal(value: Json, depth: number): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (value instanceof JsonNumber) return value.text;
  if (typeof value === "string") return JSON.stringify(value);
  const isList = Array.isArray(value);
  const parts = isList
    ? value.map((of) => literal(of, depth + 1))
    : [...value].map(([key, of]) => `${JSON.stringify(key)}: ${literal(of, depth + 1)}`);
  const [open, close] = isList ? ["[", "]"] : ["{", "}"];
  const line = `${open}${parts.join(", ")}${close}`;
  if (line.length <= LINE_CHARS_MAX && !line.includes("\n")) return line;
  const pad = "    ".repeat(depth + 1);
  return `${open}\n${pad}${parts.join(`,\n${pad}`)},\n${"    ".repeat(depth)}${close}`;
}

/** Text as one word of a shell. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
