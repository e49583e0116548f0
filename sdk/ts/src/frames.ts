// Frames: JSON objects as text, and a way to take a member out of one without losing digits.

import type { Problem } from "./problem.ts";

/** What the broker sends. */
export type Frame =
  | { op: "result"; id?: number | string; value: unknown }
  | { op: "accepted"; id?: number | string; job: string }
  | { op: "error"; id?: number | string; error: Problem }
  | { op: "event"; sub: number; seq: number; topic: string; data: unknown }
  | { op: "gap"; sub: number; missed: number };

/** Reads a frame. The broker is trusted to send well-formed ones; anything else throws. */
export function parse(text: string): Frame {
  return JSON.parse(text) as Frame;
}

const SPACE = /[ \t\n\r]*/y;
const STRING = /"(?:[^"\\]|\\.)*"/y;
const SCALAR = /[^,\]}[{" \t\n\r]+/y;

/**
 * The text of a member of a JSON object, exactly as it was written, or `undefined` if the object has none of that name.
 *
 * `JSON.parse` turns 9007199254740993 into 9007199254740992 and 1.0 into 1; whoever shows values to people needs the text.
 */
export function memberText(object: string, name: string): string | undefined {
  let at = skip(SPACE, object, 0);
  if (object[at] !== "{") return undefined;
  at = skip(SPACE, object, at + 1);
  while (object[at] === '"') {
    const keyEnd = skip(STRING, object, at);
    const key = JSON.parse(object.slice(at, keyEnd)) as string;
    const colon = skip(SPACE, object, keyEnd);
    const start = skip(SPACE, object, colon + 1);
    const end = valueEnd(object, start);
    if (key === name) return object.slice(start, end);
    const comma = skip(SPACE, object, end);
    at = skip(SPACE, object, comma + 1);
  }
  return undefined;
}

/** Where the value that begins at `start` ends. */
function valueEnd(text: string, start: number): number {
  let depth = 0;
  let at = start;
  do {
    const character = text[at];
    if (character === undefined) throw new SyntaxError("JSON ends within a value");
    if (character === '"') {
      at = skip(STRING, text, at);
    } else if (character === "{" || character === "[") {
      depth += 1;
      at += 1;
    } else if (character === "}" || character === "]") {
      depth -= 1;
      at += 1;
    } else if (depth > 0 && (character === "," || character === ":")) {
      at += 1;
    } else {
      const end = depth > 0 ? skip(SPACE, text, at) : at;
      at = end > at ? end : skip(SCALAR, text, at);
    }
  } while (depth > 0);
  return at;
}

function skip(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}
