// The arguments of a handler while they are filled in: a form and its JSON, each following the other.
import { type Json, JsonError, JsonNumber, parse, stringify } from "../value/json";
import type { Type, TypeOf } from "../wit/type";
import { type Draft, type FormProblems, blank, read, write } from "./draft";

/** JSON longer than this is shown in parts and cannot be edited as text. */
export const JSON_CHARS_EDITED_MAX = 64 * 1024;

/** What the broker said about one place of the arguments. */
export interface Refusal {
  readonly pointer: string;
  readonly message: string;
}

/** JSON as it was typed. It counts until the form is changed. */
interface Typed {
  readonly text: string;
  readonly error: JsonError | null;
  readonly misfits: FormProblems;
  /** What the form said right after: as long as it still does, nobody changed it. */
  readonly formText: string;
}

export class Args {
  readonly type: TypeOf<"record">;
  draft: Draft = $state()!;
  /** Whether it was tried to send them: only then what is missing is told. */
  attempted = $state(false);
  #typed: Typed | null = $state.raw(null);
  #refusal: (Refusal & { text: string }) | null = $state.raw(null);

  readonly #written = $derived.by(() => write(this.type, this.draft));
  readonly #formText = $derived(stringify(this.#written.json, 2));
  readonly #active = $derived(this.#typed?.formText === this.#formText ? this.#typed : null);

  /** The JSON of the arguments, as typed or as the form makes it. */
  readonly text = $derived(this.#active?.text ?? this.#formText);
  /** Why the JSON that was typed is none. */
  readonly error = $derived(this.#active?.error ?? null);
  /** What is wrong, by canonical pointer. */
  readonly problems: ReadonlyMap<string, string> = $derived.by(() => this.#problems());
  /** Whether they can be sent. JSON that was typed is for the broker to judge. */
  readonly isComplete = $derived(this.#active ? this.#active.error === null : this.#written.problems.size === 0);

  constructor(type: TypeOf<"record">) {
    this.type = type;
    this.draft = blank(type);
  }

  /** What is wrong at a place of the form: of a group also what lies at a part of it that has no field of its own. */
  problemAt(pointer: string, type: Type): string | undefined {
    const place = canonical(pointer);
    const exact = this.problems.get(place);
    if (exact !== undefined) return exact;
    if (type.kind === "variant") return this.problems.get(`${place}/case`);
    if (type.kind !== "flags") return undefined;
    return [...this.problems].find(([at]) => at.startsWith(`${place}/`))?.[1];
  }

  /** Takes JSON text, typed or from elsewhere. */
  edit(text: string): void {
    let json: Json;
    try {
      json = parse(text);
    } catch (error) {
      if (!(error instanceof JsonError)) throw error;
      this.#typed = { text, error, misfits: new Map(), formText: this.#formText };
      return;
    }
    const { draft, problems: misfits } = read(this.type, named(this.type, json));
    this.draft = draft;
    this.#typed = { text, error: null, misfits, formText: stringify(write(this.type, draft).json, 2) };
  }

  /** Lays the typed JSON out anew. */
  format(): void {
    if (this.error === null) this.edit(stringify(parse(this.text), 2));
  }

  /** Empties the form. */
  clear(): void {
    this.draft = blank(this.type);
    this.#typed = null;
    this.#refusal = null;
    this.attempted = false;
  }

  /** Shows what the broker said, until something is changed. `pointer` begins within the arguments. */
  refuse(refusal: Refusal): void {
    this.#refusal = { ...refusal, text: this.text };
  }

  /** What goes to the broker. */
  value(): unknown {
    return toPlain(this.#active ? parse(this.#active.text) : this.#written.json);
  }

  #problems(): Map<string, string> {
    const found = new Map<string, string>();
    const typed = this.#active?.misfits;
    for (const [pointer, { message, missing }] of [...this.#written.problems, ...(typed ?? [])]) {
      // What the form misses beside JSON that was typed is not missing there, unless the misfits say so.
      const tells = missing ? this.attempted && (!typed || typed.has(pointer)) : true;
      if (tells) found.set(canonical(pointer), message);
    }
    if (this.#refusal?.text === this.text) found.set(canonical(this.#refusal.pointer), this.#refusal.message);
    return found;
  }
}

/** Names match in kebab and in snake case; WIT has no `_`. */
function canonical(pointer: string): string {
  return pointer.replaceAll("_", "-");
}

/** Arguments by position, by name. */
function named(type: TypeOf<"record">, json: Json): Json {
  if (json === null) return new Map();
  if (!Array.isArray(json) || json.length > type.fields.length) return json;
  return new Map(json.map((value, at) => [type.fields[at]!.name, value]));
}

/** Whole numbers that a double cannot hold go as text, which the broker takes for 64-bit integers. */
function toPlain(json: Json): unknown {
  if (json instanceof JsonNumber) return isExact(json.text) ? Number(json.text) : json.text;
  if (Array.isArray(json)) return json.map(toPlain);
  if (json instanceof Map) return Object.fromEntries([...json].map(([key, value]) => [key, toPlain(value)]));
  return json;
}

function isExact(text: string): boolean {
  return /[.eE]/.test(text) ? Number.isFinite(Number(text)) : Number.isSafeInteger(Number(text));
}
