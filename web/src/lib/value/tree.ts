// A JSON value as the rows of a tree, of which only the open ones are made.
import { type Type, type TypeOf } from "../wit/type";
import { isImageText } from "./bytes";
import { type Json, JsonNumber, within } from "./json";

/** Members shown of a container before one asks for more, and at each asking. */
export const MEMBERS_SHOWN_STEP = 100;
/** Containers with more members than this begin closed. */
const MEMBERS_OPEN_MAX = 40;
/** Containers this deep begin closed. */
const DEPTH_OPEN_MAX = 3;

export interface Row {
  readonly pointer: string;
  readonly depth: number;
  /** Its key in an object or its place in an array; none for the root. */
  readonly key: string | number | null;
  readonly value: Json;
  /** `bytes` are base64 text by type or because they are an image; `more` stands for members not shown yet. */
  readonly kind: "object" | "array" | "bytes" | "text" | "number" | "boolean" | "null" | "more";
  readonly open: boolean;
  /** Members it has, or that are not shown. */
  readonly count: number;
}

/** What a reader opened, closed and asked more of, by pointer. */
export interface Opened {
  readonly open: ReadonlyMap<string, boolean>;
  readonly shown: ReadonlyMap<string, number>;
}

/** The rows to be seen, top down. */
export function rows(value: Json, type: Type | null, opened: Opened): Row[] {
  const found: Row[] = [];
  add(found, opened, { value, type, pointer: "", depth: 0, key: null });
  return found;
}

interface Place {
  value: Json;
  type: Type | null;
  pointer: string;
  depth: number;
  key: string | number | null;
}

function add(found: Row[], opened: Opened, { value, type, pointer, depth, key }: Place): void {
  const kind = kindOf(value, type);
  const members = membersOf(value);
  const opensItself = members.length <= MEMBERS_OPEN_MAX && depth < DEPTH_OPEN_MAX && kind !== "bytes";
  const open = opened.open.get(pointer) ?? opensItself;
  found.push({ pointer, depth, key, value, kind, open, count: members.length });
  if (!open) return;
  const shown = opened.shown.get(pointer) ?? MEMBERS_SHOWN_STEP;
  for (const [name, member] of members.slice(0, shown)) {
    const place = { value: member, type: typeWithin(type, name, value), pointer: within(pointer, name), depth: depth + 1, key: name };
    add(found, opened, place);
  }
  const left = members.length - shown;
  if (left > 0) found.push({ pointer: `${pointer}/…`, depth: depth + 1, key: null, value: pointer, kind: "more", open: false, count: left });
}

/** Whether a row can be opened. */
export function canOpen(row: Row): boolean {
  return row.kind === "bytes" || ((row.kind === "object" || row.kind === "array") && row.count > 0);
}

/** What a value is to be shown as. */
export function kindOf(value: Json, type: Type | null): Exclude<Row["kind"], "more"> {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  if (value instanceof Map) return "object";
  if (value instanceof JsonNumber) return "number";
  if (typeof value === "boolean") return "boolean";
  return inner(type)?.kind === "bytes" || (type === null && isImageText(value)) ? "bytes" : "text";
}

function membersOf(value: Json): readonly (readonly [string | number, Json])[] {
  if (Array.isArray(value)) return value.map((member, at) => [at, member] as const);
  return value instanceof Map ? [...value] : [];
}

function inner(type: Type | null): Type | null {
  return type?.kind === "option" && type.of.kind !== "option" ? type.of : type;
}

/** The type of a member; none where the value does not follow its type. */
function typeWithin(outer: Type | null, name: string | number, value: Json): Type | null {
  const type = inner(outer);
  switch (type?.kind) {
    case "list":
      return type.of;
    case "tuple":
      return type.types[Number(name)] ?? null;
    case "record":
      return type.fields.find((field) => field.name === name || field.name.replaceAll("-", "_") === name)?.type ?? null;
    case "option":
      return type.of;
    case "result":
      return name === "ok" ? type.ok : type.err;
    case "variant":
      return name === "value" ? caseType(type, value) : null;
    default:
      return null;
  }
}

function caseType(type: TypeOf<"variant">, value: Json): Type | null {
  const name = value instanceof Map ? value.get("case") : undefined;
  return type.cases.find((of) => of.name === name)?.type ?? null;
}
