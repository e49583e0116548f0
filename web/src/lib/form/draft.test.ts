// Forms and JSON say the same, both ways, for every type.
import { expect, test } from "vitest";
import { parse, stringify } from "../value/json";
import { parseType } from "../wit/type";
import { type DraftOf, blank, read, write } from "./draft";

/** JSON that must come back from the form exactly as it is. */
const ROUND_TRIPS: [string, string[]][] = [
  ["bool", ["true", "false"]],
  ["u8", ["0", "255"]],
  ["s64", ["-9007199254740992", '"-9223372036854775808"']],
  ["u64", ["0", '"18446744073709551615"']],
  ["f64", ["1.0", "-0", "2.5e-3", '"NaN"', '"-Infinity"']],
  ["char", ['"é"', '"😀"']],
  ["string", ['""', '"a\\nb"']],
  ["list<u8>", ['""', '"YWJj"']],
  ["list<string>", ["[]", '["a","b"]']],
  ["list<list<u8>>", ['["","YQ=="]']],
  ["tuple<string, option<u32>>", ['["a",null]', '["a",1]']],
  ["record { a: bool, b-c: option<u8> }", ['{"a":true}', '{"a":true,"b-c":7}']],
  ["option<u8>", ["null", "1"]],
  ["option<option<u8>>", ["null", '{"some":null}', '{"some":3}']],
  ["result<u32, string>", ['{"ok":1}', '{"err":"no"}']],
  ["result", ['{"ok":null}', '{"err":null}']],
  ["variant { circle(f64), dot, maybe(option<u8>) }", ['{"case":"circle","value":2.5}', '{"case":"dot"}', '{"case":"maybe"}', '{"case":"maybe","value":1}']],
  ["enum { red, green }", ['"red"', '"green"']],
  ["flags { dashed, filled }", ["[]", '["dashed","filled"]']],
];

for (const [wit, texts] of ROUND_TRIPS) {
  test(`${wit} comes back as it was`, () => {
    const type = parseType(wit);
    for (const text of texts) {
      const { draft, problems } = read(type, parse(text));
      const written = write(type, draft);
      expect([...problems, ...written.problems], text).toEqual([]);
      expect(stringify(written.json)).toBe(text);
    }
  });
}

test("names match in snake case, and numbers in other forms", () => {
  const type = parseType("record { first-name: string, age: u64, old: u16 }");
  const { draft, problems } = read(type, parse('{"first_name":"a","age":18446744073709551615,"old":3.0}'));
  expect(problems.size).toBe(0);
  expect(stringify(write(type, draft).json)).toBe('{"first-name":"a","age":"18446744073709551615","old":3}');
});

test("a blank form says what is missing, and only that", () => {
  const type = parseType("record { b: bool, n: u8, f: f32, c: char, s: string, l: list<u8>, o: option<u8>, v: variant { a(u8), b } }");
  const { problems } = write(type, blank(type));
  expect([...problems.keys()]).toEqual(["/n", "/f", "/c", "/v/value"]);
  expect([...problems.values()].every((problem) => problem.missing)).toBe(true);
});

/** What is typed, and what is said about it. */
const REFUSED: [string, string, RegExp][] = [
  ["u8", "256", /0 to 255/],
  ["s8", "-129", /-128 to 127/],
  ["u64", "18446744073709551616", /18446744073709551615/],
  ["s32", "1.5", /whole number/],
  ["s32", "ten", /whole number/],
  ["f32", "1e39", /range of f32/],
  ["f64", "1e309", /range of f64/],
  ["f64", "nan", /NaN/],
  ["char", "ab", /one character/],
];

test("what is typed wrongly is told", () => {
  for (const [wit, text, message] of REFUSED) {
    const { problems } = write(parseType(wit), { kind: "text", text });
    expect(problems.get("")?.message, `${wit} ${text}`).toMatch(message);
  }
});

test("numbers may be typed as people do", () => {
  const type = parseType("f64");
  const typed = (text: string) => stringify(write(type, { kind: "text", text }).json);
  expect([" 1 ", "+2", ".5", "5.", "1E3"].map(typed)).toEqual(["1", "2", "0.5", "5", "1E3"]);
});

/** JSON that does not fit, and where. */
const MISFITS: [string, string, string[]][] = [
  ["record { a: u8, b: u8 }", '{"a":"x","c":1}', ["/a", "/b", "/c"]],
  ["list<bool>", "[true,1,false,null]", ["/1", "/3"]],
  ["tuple<u8, u8>", "[1]", [""]],
  ["flags { a }", '["a","b"]', ["/1"]],
  ["enum { a }", '"b"', [""]],
  ["variant { a(u8), b }", '{"case":"c"}', ["/case"]],
  ["variant { a(u8), b }", '{"value":1}', [""]],
  ["variant { a(u8), b }", '{"case":"a"}', ["/value"]],
  ["variant { a(u8), b }", '{"case":"b","value":1}', ["/value"]],
  ["result<u8>", '{"ok":1,"err":null}', [""]],
  ["option<option<u8>>", "1", [""]],
  ["record { a: list<record { x: f64 }> }", '{"a":[{"x":1},{"x":"1"}]}', ["/a/1/x"]],
  ["record { s-t: u8 }", '{"s_t":null}', ["/s_t"]],
];

test("JSON that does not fit is told by place, the rest is kept", () => {
  for (const [wit, text, pointers] of MISFITS) {
    expect([...read(parseType(wit), parse(text)).problems.keys()], `${wit} ${text}`).toEqual(pointers);
  }
  const type = parseType("list<bool>");
  expect(stringify(write(type, read(type, parse("[true,1]")).draft).json)).toBe("[true,false]");
});

test("items keep their ids when they move", () => {
  const { draft } = read(parseType("list<u16>"), parse("[1,2]"));
  const ids = (draft as DraftOf<"list">).items.map((item) => item.id);
  expect(new Set(ids).size).toBe(2);
});
