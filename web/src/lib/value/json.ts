// JSON without loss: numbers keep the digits they were written with, objects the order of their keys.

/** How deeply arrays and objects may nest. */
export const JSON_DEPTH_MAX = 128;

/** A number as it was written; a double would lose digits of large ones. */
export class JsonNumber {
  constructor(readonly text: string) {}
}

export type JsonObject = Map<string, Json>;
export type Json = null | boolean | string | JsonNumber | Json[] | JsonObject;

/** Text that is no JSON, with the place of the mistake. */
export class JsonError extends Error {
  readonly line: number;
  readonly column: number;

  constructor(
    message: string,
    text: string,
    readonly offset: number,
  ) {
    const before = text.slice(0, offset);
    const line = before.split("\n").length;
    const column = offset - before.lastIndexOf("\n");
    super(`line ${line}, column ${column}: ${message}`);
    this.line = line;
    this.column = column;
  }
}

const SPACE = /[ \t\n\r]*/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const WORD = /true|false|null/y;

/** Reads JSON text. Of a key that is given twice the last value counts. */
export function parse(text: string): Json {
  const reader = new Reader(text);
  const value = reader.value(0);
  reader.end();
  return value;
}

class Reader {
  private at = 0;

  constructor(private readonly text: string) {}

  value(depth: number): Json {
    if (depth > JSON_DEPTH_MAX) throw this.error(`nested more than ${JSON_DEPTH_MAX} deep`);
    this.space();
    switch (this.text[this.at]) {
      case "{":
        return this.object(depth + 1);
      case "[":
        return this.array(depth + 1);
      case '"':
        return this.string();
    }
    const number = this.match(NUMBER);
    if (number !== null) return new JsonNumber(number);
    const word = this.match(WORD);
    if (word !== null) return word === "null" ? null : word === "true";
    throw this.error(this.at < this.text.length ? "expected a value" : "the text ends where a value is expected");
  }

  end(): void {
    this.space();
    if (this.at < this.text.length) throw this.error("expected the end of the text");
  }

  private object(depth: number): JsonObject {
    const object: JsonObject = new Map();
    this.at += 1;
    this.space();
    if (this.take("}")) return object;
    do {
      this.space();
      if (this.text[this.at] !== '"') throw this.error('expected a key in `"`');
      const key = this.string();
      this.space();
      if (!this.take(":")) throw this.error("expected `:` after the key");
      object.set(key, this.value(depth));
      this.space();
    } while (this.take(","));
    if (!this.take("}")) throw this.error("expected `,` or `}`");
    return object;
  }

  private array(depth: number): Json[] {
    const array: Json[] = [];
    this.at += 1;
    this.space();
    if (this.take("]")) return array;
    do {
      array.push(this.value(depth));
      this.space();
    } while (this.take(","));
    if (!this.take("]")) throw this.error("expected `,` or `]`");
    return array;
  }

  private string(): string {
    // The usual long strings are base64: looking for the quote first is much faster than the pattern.
    const end = this.text.indexOf('"', this.at + 1);
    const plain = end < 0 ? "" : this.text.slice(this.at + 1, end);
    if (end >= 0 && /^[^\\\u0000-\u001f]*$/.test(plain)) {
      this.at = end + 1;
      return plain;
    }
    const quoted = this.match(STRING);
    if (quoted === null) throw this.error("text that has no end, a bad escape or a line break");
    return JSON.parse(quoted) as string;
  }

  private match(pattern: RegExp): string | null {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? null;
    if (found !== null) this.at += found.length;
    return found;
  }

  private space(): void {
    this.match(SPACE);
  }

  private take(sign: string): boolean {
    if (this.text[this.at] !== sign) return false;
    this.at += 1;
    return true;
  }

  private error(message: string): JsonError {
    return new JsonError(message, this.text, this.at);
  }
}

/** Writes JSON text; with `indent`, one value a line where a line would get too long. */
export function stringify(value: Json, indent = 0): string {
  return indent === 0 ? compact(value) : pretty(value, indent, 0);
}

const LINE_CHARS_MAX = 80;

function compact(value: Json): string {
  if (value instanceof JsonNumber) return value.text;
  if (Array.isArray(value)) return `[${value.map(compact).join(",")}]`;
  if (value instanceof Map) {
    return `{${[...value].map(([key, of]) => `${JSON.stringify(key)}:${compact(of)}`).join(",")}}`;
  }
  return JSON.stringify(value);
}

function pretty(value: Json, indent: number, depth: number): string {
  const isList = Array.isArray(value);
  if (!isList && !(value instanceof Map)) return compact(value);
  const items = isList
    ? value.map((of) => pretty(of, indent, depth + 1))
    : [...value].map(([key, of]) => `${JSON.stringify(key)}: ${pretty(of, indent, depth + 1)}`);
  const [open, close] = isList ? ["[", "]"] : ["{", "}"];
  if (items.length === 0) return open + close;
  const isShort = isList && items.every((item) => !item.includes("\n"));
  const line = isShort ? `${open}${items.join(", ")}${close}` : "";
  if (isShort && line.length + depth * indent <= LINE_CHARS_MAX) return line;
  const pad = " ".repeat(indent * (depth + 1));
  return `${open}\n${pad}${items.join(`,\n${pad}`)}\n${" ".repeat(indent * depth)}${close}`;
}

/** What a value that went through `JSON.parse` was. */
export function fromPlain(value: unknown): Json {
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number" || typeof value === "bigint") return new JsonNumber(String(value));
  if (Array.isArray(value)) return value.map(fromPlain);
  return new Map(Object.entries(value as object).map(([key, of]) => [key, fromPlain(of)]));
}

/** JSON pointer (RFC 6901) of a member of what `pointer` points to. */
export function within(pointer: string, key: string | number): string {
  return `${pointer}/${String(key).replaceAll("~", "~0").replaceAll("/", "~1")}`;
}
