// What a form holds while it is filled in: a draft for each type, read from JSON and written to JSON. A draft keeps
// what was typed, also what is no value yet.
import { isBase64 } from "../value/bytes";
import { type Json, JsonNumber, type JsonObject, within } from "../value/json";
import type { Type, TypeOf } from "../wit/type";

export type Draft =
  | { kind: "bool"; value: boolean }
  | { kind: "text"; text: string }
  | { kind: "bytes"; base64: string; file: string }
  | { kind: "list"; items: { id: number; draft: Draft }[] }
  | { kind: "fields"; drafts: Draft[] }
  | { kind: "case"; name: string; payload: Draft | null }
  | { kind: "flags"; names: string[] }
  | { kind: "option"; given: boolean; draft: Draft };

/** A draft of one kind. */
export type DraftOf<Kind extends Draft["kind"]> = Extract<Draft, { kind: Kind }>;

/** Why a place in the form has no value; `missing` where nothing was typed yet. */
export interface FormProblem {
  readonly message: string;
  readonly missing: boolean;
}

/** Problems by the JSON pointer of their place. */
export type FormProblems = Map<string, FormProblem>;

/** Whole numbers beyond this go as text, because many JSON readers have only doubles. */
const EXACT_MAX = 2n ** 53n;
const NOT_FINITE = ["NaN", "Infinity", "-Infinity"];
const JSON_NUMBER = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;
const LOOSE_NUMBER = /^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$/;

let lastId = 0;

/** An item of a list, with an id that stays when items move. */
export function item(draft: Draft): { id: number; draft: Draft } {
  lastId += 1;
  return { id: lastId, draft };
}

/** The draft a form begins with. */
export function blank(type: Type): Draft {
  switch (type.kind) {
    case "bool":
      return { kind: "bool", value: false };
    case "integer":
    case "float":
    case "char":
    case "string":
      return { kind: "text", text: "" };
    case "enum":
      return { kind: "text", text: type.names[0] ?? "" };
    case "bytes":
      return { kind: "bytes", base64: "", file: "" };
    case "list":
      return { kind: "list", items: [] };
    case "tuple":
      return { kind: "fields", drafts: type.types.map(blank) };
    case "record":
      return { kind: "fields", drafts: type.fields.map((field) => blank(field.type)) };
    case "flags":
      return { kind: "flags", names: [] };
    case "option":
      return { kind: "option", given: false, draft: blank(type.of) };
    case "variant":
    case "result":
      return blankCase(type, casesOf(type)[0]?.name ?? "");
  }
}

/** The cases of a variant; those of a result are `ok` and `err`. */
export function casesOf(type: TypeOf<"variant"> | TypeOf<"result">): readonly { name: string; type: Type | null }[] {
  if (type.kind === "variant") return type.cases;
  return [
    { name: "ok", type: type.ok },
    { name: "err", type: type.err },
  ];
}

/** The draft of the case with that name, with nothing filled in. */
export function blankCase(type: TypeOf<"variant"> | TypeOf<"result">, name: string): DraftOf<"case"> {
  const payload = casesOf(type).find((of) => of.name === name)?.type ?? null;
  return { kind: "case", name, payload: payload && blank(payload) };
}

/** The JSON of a draft, and what is wrong with it. A value that is missing is left out, or `null` in an array. */
export function write(type: Type, draft: Draft): { json: Json; problems: FormProblems } {
  const writer = new Writer();
  return { json: writer.value(type, draft, "") ?? null, problems: writer.problems };
}

class Writer {
  readonly problems: FormProblems = new Map();

  value(type: Type, draft: Draft, pointer: string): Json | undefined {
    switch (draft.kind) {
      case "bool":
        return draft.value;
      case "text":
        return this.text(type, draft.text, pointer);
      case "bytes":
        return isBase64(draft.base64) ? draft.base64 : this.problem(pointer, "is no base64 text", draft.base64);
      case "list":
        return draft.items.map((of, at) => this.value((type as TypeOf<"list">).of, of.draft, within(pointer, at)) ?? null);
      case "fields":
        return this.fields(type as TypeOf<"tuple"> | TypeOf<"record">, draft, pointer);
      case "flags":
        return (type as TypeOf<"flags">).names.filter((name) => draft.names.includes(name));
      case "option":
        return draft.given ? this.given((type as TypeOf<"option">).of, draft.draft, pointer) : undefined;
      case "case":
        return this.case(type as TypeOf<"variant"> | TypeOf<"result">, draft, pointer);
    }
  }

  private text(type: Type, text: string, pointer: string): Json | undefined {
    switch (type.kind) {
      case "integer":
        return this.integer(type, text.trim(), pointer);
      case "float":
        return this.float(type, text.trim(), pointer);
      case "char":
        if (text === "") return this.problem(pointer, "needs one character", text);
        return [...text].length === 1 ? text : this.problem(pointer, "takes exactly one character", text);
      default:
        return text;
    }
  }

  private integer(type: TypeOf<"integer">, text: string, pointer: string): Json | undefined {
    if (!/^[+-]?[0-9]+$/.test(text)) return this.problem(pointer, "needs a whole number", text);
    const value = BigInt(text.replace(/^\+/, ""));
    if (value < type.min || value > type.max) {
      return this.problem(pointer, `goes from ${type.min} to ${type.max}`, text);
    }
    const isExact = value <= EXACT_MAX && value >= -EXACT_MAX;
    return isExact ? new JsonNumber(String(value)) : String(value);
  }

  private float(type: TypeOf<"float">, text: string, pointer: string): Json | undefined {
    if (NOT_FINITE.includes(text)) return text;
    if (!LOOSE_NUMBER.test(text)) return this.problem(pointer, "needs a number, NaN, Infinity or -Infinity", text);
    const value = Number(text);
    if (!Number.isFinite(type.wit === "f32" ? Math.fround(value) : value)) {
      return this.problem(pointer, `is out of the range of ${type.wit}`, text);
    }
    return new JsonNumber(JSON_NUMBER.test(text) ? text : String(value));
  }

  private fields(type: TypeOf<"tuple"> | TypeOf<"record">, draft: DraftOf<"fields">, pointer: string): Json {
    if (type.kind === "tuple") {
      return type.types.map((of, at) => this.value(of, draft.drafts[at]!, within(pointer, at)) ?? null);
    }
    const object: JsonObject = new Map();
    type.fields.forEach((field, at) => {
      const value = this.value(field.type, draft.drafts[at]!, within(pointer, field.name));
      if (value !== undefined) object.set(field.name, value);
    });
    return object;
  }

  private given(type: Type, draft: Draft, pointer: string): Json | undefined {
    if (type.kind !== "option") return this.value(type, draft, pointer);
    return new Map([["some", this.value(type, draft, within(pointer, "some")) ?? null]]);
  }

  private case(type: TypeOf<"variant"> | TypeOf<"result">, draft: DraftOf<"case">, pointer: string): Json {
    const payloadType = casesOf(type).find((of) => of.name === draft.name)?.type ?? null;
    const isResult = type.kind === "result";
    const payload =
      payloadType && draft.payload && this.value(payloadType, draft.payload, within(pointer, isResult ? draft.name : "value"));
    if (isResult) return new Map([[draft.name, payload ?? null]]);
    const object: JsonObject = new Map([["case", draft.name]]);
    if (payloadType && payload !== undefined) object.set("value", payload);
    return object;
  }

  private problem(pointer: string, message: string, typed: string): undefined {
    this.problems.set(pointer, { message, missing: typed === "" });
  }
}

/** The draft of a JSON value. What does not fit the type stays blank and is told. */
export function read(type: Type, json: Json): { draft: Draft; problems: FormProblems } {
  const reader = new DraftReader();
  return { draft: reader.value(type, json, ""), problems: reader.problems };
}

class DraftReader {
  readonly problems: FormProblems = new Map();

  value(type: Type, json: Json, pointer: string): Draft {
    switch (type.kind) {
      case "bool":
        return typeof json === "boolean" ? { kind: "bool", value: json } : this.mismatch(type, pointer);
      case "integer":
        return this.integer(type, json, pointer);
      case "float":
        if (json instanceof JsonNumber) return { kind: "text", text: json.text };
        return NOT_FINITE.includes(json as string) ? { kind: "text", text: json as string } : this.mismatch(type, pointer);
      case "char":
      case "string":
        return typeof json === "string" ? { kind: "text", text: json } : this.mismatch(type, pointer);
      case "bytes":
        return typeof json === "string" ? { kind: "bytes", base64: json, file: "" } : this.mismatch(type, pointer);
      case "enum":
        if (type.names.includes(json as string)) return { kind: "text", text: json as string };
        return this.mismatch(type, pointer);
      case "flags":
        return this.flags(type, json, pointer);
      case "list":
        if (!Array.isArray(json)) return this.mismatch(type, pointer);
        return { kind: "list", items: json.map((of, at) => item(this.value(type.of, of, within(pointer, at)))) };
      case "tuple":
        return this.tuple(type, json, pointer);
      case "record":
        return json instanceof Map ? this.record(type, json, pointer) : this.mismatch(type, pointer);
      case "option":
        return this.option(type, json, pointer);
      case "variant":
        return this.variant(type, json, pointer);
      case "result":
        return this.result(type, json, pointer);
    }
  }

  private integer(type: TypeOf<"integer">, json: Json, pointer: string): Draft {
    const text = json instanceof JsonNumber ? json.text : type.wit.endsWith("64") && typeof json === "string" ? json : null;
    if (text === null) return this.mismatch(type, pointer);
    // `3.0` and `3e2` are as whole as `3`.
    const value = Number(text);
    const isPlain = /^-?[0-9]+$/.test(text) || !Number.isSafeInteger(value);
    return { kind: "text", text: isPlain ? text : String(value) };
  }

  private flags(type: TypeOf<"flags">, json: Json, pointer: string): Draft {
    if (!Array.isArray(json)) return this.mismatch(type, pointer);
    json.forEach((name, at) => {
      if (!type.names.includes(name as string)) this.tell(within(pointer, at), "is none of the flags");
    });
    return { kind: "flags", names: type.names.filter((name) => json.includes(name)) };
  }

  private tuple(type: TypeOf<"tuple">, json: Json, pointer: string): Draft {
    if (!Array.isArray(json) || json.length !== type.types.length) return this.mismatch(type, pointer);
    return { kind: "fields", drafts: type.types.map((of, at) => this.value(of, json[at]!, within(pointer, at))) };
  }

  private record(type: TypeOf<"record">, json: JsonObject, pointer: string): Draft {
    const known = new Set<string>();
    const drafts = type.fields.map(({ name, type: of }) => {
      const key = json.has(name) ? name : name.replaceAll("-", "_");
      known.add(key);
      const given = json.get(key);
      if (given !== undefined) return this.value(of, given, within(pointer, key));
      if (of.kind !== "option") this.problems.set(within(pointer, name), { message: "is missing", missing: true });
      return blank(of);
    });
    for (const key of json.keys()) {
      if (!known.has(key)) this.tell(within(pointer, key), "is not among the names of the type");
    }
    return { kind: "fields", drafts };
  }

  private option(type: TypeOf<"option">, json: Json, pointer: string): Draft {
    if (json === null) return blank(type);
    if (type.of.kind !== "option") return { kind: "option", given: true, draft: this.value(type.of, json, pointer) };
    const some = json instanceof Map && json.size === 1 ? json.get("some") : undefined;
    if (some === undefined) return this.mismatch(type, pointer);
    return { kind: "option", given: true, draft: this.value(type.of, some, within(pointer, "some")) };
  }

  private variant(type: TypeOf<"variant">, json: Json, pointer: string): Draft {
    const name = json instanceof Map ? json.get("case") : undefined;
    if (!(json instanceof Map) || typeof name !== "string") return this.mismatch(type, pointer);
    const found = type.cases.find((of) => of.name === name);
    if (!found) {
      this.tell(within(pointer, "case"), `there is no case \`${name}\``);
      return blank(type);
    }
    return this.payload(found.name, found.type, json.get("value"), within(pointer, "value"));
  }

  private result(type: TypeOf<"result">, json: Json, pointer: string): Draft {
    const found = json instanceof Map && json.size === 1 ? casesOf(type).find((of) => json.has(of.name)) : undefined;
    if (!found) return this.mismatch(type, pointer);
    return this.payload(found.name, found.type, (json as JsonObject).get(found.name), within(pointer, found.name));
  }

  private payload(name: string, type: Type | null, json: Json | undefined, pointer: string): Draft {
    if (type === null) {
      if (json !== undefined && json !== null) this.tell(pointer, "carries nothing");
      return { kind: "case", name, payload: null };
    }
    if (json !== undefined) return { kind: "case", name, payload: this.value(type, json, pointer) };
    if (type.kind !== "option") this.problems.set(pointer, { message: "is missing", missing: true });
    return { kind: "case", name, payload: blank(type) };
  }

  private mismatch(type: Type, pointer: string): Draft {
    this.tell(pointer, `is no ${shorten(type.wit)}`);
    return blank(type);
  }

  private tell(pointer: string, message: string): void {
    this.problems.set(pointer, { message, missing: false });
  }
}

const WIT_CHARS_SHOWN = 60;

function shorten(wit: string): string {
  return wit.length > WIT_CHARS_SHOWN ? `${wit.slice(0, WIT_CHARS_SHOWN)}…` : wit;
}
