// The types of handlers, read from the WIT text that the broker shows.

export type Type = { readonly wit: string } & (
  | { readonly kind: "bool" }
  | { readonly kind: "integer"; readonly min: bigint; readonly max: bigint }
  | { readonly kind: "float" }
  | { readonly kind: "char" }
  | { readonly kind: "string" }
  | { readonly kind: "bytes" }
  | { readonly kind: "list"; readonly of: Type }
  | { readonly kind: "option"; readonly of: Type }
  | { readonly kind: "tuple"; readonly types: readonly Type[] }
  | { readonly kind: "record"; readonly fields: readonly Field[] }
  | { readonly kind: "variant"; readonly cases: readonly Case[] }
  | { readonly kind: "enum"; readonly names: readonly string[] }
  | { readonly kind: "flags"; readonly names: readonly string[] }
  | { readonly kind: "result"; readonly ok: Type | null; readonly err: Type | null }
);

/** A type of one kind. */
export type TypeOf<Kind extends Type["kind"]> = Extract<Type, { kind: Kind }>;

export interface Field {
  readonly name: string;
  readonly type: Type;
}

export interface Case {
  readonly name: string;
  /** What the case carries, if anything. */
  readonly type: Type | null;
}

const SIMPLE: ReadonlyMap<string, "bool" | "char" | "string" | "float"> = new Map([
  ["bool", "bool"],
  ["char", "char"],
  ["string", "string"],
  ["f32", "float"],
  ["f64", "float"],
]);

/** Reads a type with its records, variants, enums and flags written out in place. */
export function parseType(wit: string): Type {
  const reader = new Reader(wit);
  const type = reader.type();
  reader.end();
  return type;
}

/** A handler's parameters as one record. */
export function parameters(params: readonly { name: string; type: string }[]): TypeOf<"record"> {
  const fields = params.map(({ name, type }) => ({ name, type: parseType(type) }));
  return { kind: "record", fields, wit: `record { ${params.map(({ name, type }) => `${name}: ${type}`).join(", ")} }` };
}

class Reader {
  private at = 0;

  constructor(private readonly wit: string) {}

  type(): Type {
    this.space();
    const start = this.at;
    const read = this.named(this.name());
    return { ...read, wit: this.wit.slice(start, this.at) } as Type;
  }

  end(): void {
    this.space();
    if (this.at < this.wit.length) throw this.error("the end");
  }

  private named(name: string): object {
    const simple = SIMPLE.get(name);
    if (simple !== undefined) return { kind: simple };
    const integer = /^([su])(8|16|32|64)$/.exec(name);
    if (integer) return { kind: "integer", ...range(integer[1] === "s", BigInt(integer[2]!)) };
    switch (name) {
      case "list": {
        const of = this.angled(() => this.type());
        return of.wit === "u8" ? { kind: "bytes" } : { kind: "list", of };
      }
      case "option":
        return { kind: "option", of: this.angled(() => this.type()) };
      case "tuple":
        return { kind: "tuple", types: this.angled(() => this.separated(">", () => this.type())) };
      case "record":
        return { kind: "record", fields: this.braced(() => this.field()) };
      case "variant":
        return { kind: "variant", cases: this.braced(() => this.case()) };
      case "enum":
      case "flags":
        return { kind: name, names: this.braced(() => this.name()) };
      case "result":
        return { kind: "result", ...this.sides() };
    }
    throw this.error("a type");
  }

  private sides(): { ok: Type | null; err: Type | null } {
    if (this.wit[this.at] !== "<") return { ok: null, err: null };
    return this.angled(() => {
      const ok = this.take("_") ? null : this.type();
      return { ok, err: this.take(",") ? this.type() : null };
    });
  }

  private field(): Field {
    const name = this.name();
    this.expect(":");
    return { name, type: this.type() };
  }

  private case(): Case {
    const name = this.name();
    if (!this.take("(")) return { name, type: null };
    const type = this.type();
    this.expect(")");
    return { name, type };
  }

  private angled<T>(read: () => T): T {
    this.expect("<");
    const found = read();
    this.expect(">");
    return found;
  }

  private braced<T>(read: () => T): T[] {
    this.expect("{");
    const found = this.separated("}", read);
    this.expect("}");
    return found;
  }

  private separated<T>(close: string, read: () => T): T[] {
    const found: T[] = [];
    this.space();
    while (this.wit[this.at] !== close) {
      found.push(read());
      if (!this.take(",")) break;
      this.space();
    }
    return found;
  }

  private name(): string {
    this.space();
    const found = /^[A-Za-z0-9-]+/.exec(this.wit.slice(this.at))?.[0];
    if (found === undefined) throw this.error("a name");
    this.at += found.length;
    return found;
  }

  private take(sign: string): boolean {
    this.space();
    if (this.wit[this.at] !== sign) return false;
    this.at += 1;
    return true;
  }

  private expect(sign: string): void {
    if (!this.take(sign)) throw this.error(`\`${sign}\``);
  }

  private space(): void {
    while (this.wit[this.at] === " ") this.at += 1;
  }

  private error(expected: string): Error {
    return new Error(`failed to read the type \`${this.wit}\`: expected ${expected} at character ${this.at + 1}`);
  }
}

function range(isSigned: boolean, bits: bigint): { min: bigint; max: bigint } {
  return isSigned
    ? { min: -(1n << (bits - 1n)), max: (1n << (bits - 1n)) - 1n }
    : { min: 0n, max: (1n << bits) - 1n };
}

/** The type in few words: what has parts of its own by its kind alone. */
export function shortWit(type: Type): string {
  switch (type.kind) {
    case "record":
    case "variant":
    case "enum":
    case "flags":
      return type.kind;
    case "list":
    case "option":
      return `${type.kind}<${shortWit(type.of)}>`;
    case "tuple":
      return `tuple<${type.types.map(shortWit).join(", ")}>`;
    case "result": {
      const err = type.err ? `, ${shortWit(type.err)}` : "";
      return type.ok || type.err ? `result<${type.ok ? shortWit(type.ok) : "_"}${err}>` : "result";
    }
    default:
      return type.wit;
  }
}

/** What a handler takes and gives in few words: `(x: s32) -> record`. */
export function signature(handler: { params: readonly { name: string; type: string }[]; result?: string }): string {
  const params = handler.params.map(({ name, type }) => `${name}: ${shortWit(parseType(type))}`);
  return `(${params.join(", ")})${handler.result === undefined ? "" : ` -> ${shortWit(parseType(handler.result))}`}`;
}
