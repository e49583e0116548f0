// Types as the broker writes them are understood.
import { expect, test } from "vitest";
import { parameters, parseType } from "./type";

test("every kind of type is read", () => {
  const wit =
    "record { type: bool, int: s64, f: f32, c: char, list: list<string>, bytes: list<u8>, pair: tuple<string, u32>, " +
    "maybe: option<option<u8>>, outcome: result<u32, string>, only: result<u32>, err: result<_, string>, bare: result, " +
    "shape: variant { circle(f64), dot, polygon(list<record { x: f64, y: f64 }>) }, colour: enum { red, green }, " +
    "style: flags { dashed, filled } }";
  const type = parseType(wit);
  if (type.kind !== "record") throw new Error("not a record");
  expect(type.fields.map((field) => field.type.kind)).toEqual([
    "bool", "integer", "float", "char", "list", "bytes", "tuple",
    "option", "result", "result", "result", "result",
    "variant", "enum", "flags",
  ]);
  expect(type.fields.map((field) => `${field.name}: ${field.type.wit}`).join(", ")).toBe(wit.slice(9, -2));
  expect(type.fields[1]!.type).toMatchObject({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
  expect(type.fields[9]!.type).toMatchObject({ ok: { wit: "u32" }, err: null });
  expect(type.fields[10]!.type).toMatchObject({ ok: null, err: { wit: "string" } });
  expect(type.fields[12]!.type).toMatchObject({ cases: [{ name: "circle" }, { name: "dot", type: null }, { name: "polygon" }] });
});

test("empty braces are read", () => {
  expect(parseType("flags {  }")).toMatchObject({ kind: "flags", names: [] });
});

test("parameters make a record", () => {
  expect(parameters([{ name: "x", type: "s32" }])).toMatchObject({ kind: "record", fields: [{ name: "x" }] });
});

test("what is no type is refused with its place", () => {
  expect(() => parseType("list<thing>")).toThrow("at character 11");
  expect(() => parseType("u8 u8")).toThrow("the end");
});
