// Types laid out over lines, as WIT files have them.
import type { Type } from "./type";

const LINE_CHARS_MAX = 60;

/** The type in WIT syntax; what is long has one part a line. */
export function layOut(type: Type, depth = 0): string {
  if (type.wit.length <= LINE_CHARS_MAX) return type.wit;
  const pad = "  ".repeat(depth + 1);
  const lines = (parts: readonly string[]) => `{\n${parts.map((part) => `${pad}${part},\n`).join("")}${"  ".repeat(depth)}}`;
  switch (type.kind) {
    case "record":
      return `record ${lines(type.fields.map((field) => `${field.name}: ${layOut(field.type, depth + 1)}`))}`;
    case "variant":
      return `variant ${lines(type.cases.map(({ name, type: of }) => (of ? `${name}(${layOut(of, depth + 1)})` : name)))}`;
    case "enum":
    case "flags":
      return `${type.kind} ${lines(type.names)}`;
    case "list":
    case "option":
      return `${type.kind}<${layOut(type.of, depth)}>`;
    case "tuple":
      return `tuple<${type.types.map((of) => layOut(of, depth)).join(", ")}>`;
    case "result":
      return `result<${type.ok ? layOut(type.ok, depth) : "_"}${type.err ? `, ${layOut(type.err, depth)}` : ""}>`;
    default:
      return type.wit;
  }
}
