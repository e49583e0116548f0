// JSON keeps what it is given, and refuses what is no JSON at the right place.
import { expect, test } from "vitest";
import { JSON_DEPTH_MAX, JsonError, JsonNumber, fromPlain, parse, stringify, within } from "./json";

test("numbers keep their digits", () => {
  for (const text of ["18446744073709551615", "-0", "1.0", "1e400", "0.1000000000000000055511151231257827"]) {
    expect(stringify(parse(text))).toBe(text);
  }
});

test("keys keep their order, and may have any name", () => {
  const text = '{"10":1,"9":2,"__proto__":3,"":4}';
  expect(stringify(parse(text))).toBe(text);
});

test("text comes back as it was meant", () => {
  expect(parse('"a\\u00e9\\n\\"\\ud83d\\ude00 é"')).toBe('aé\n"😀 é');
  expect(stringify('a"\n')).toBe('"a\\"\\n"');
});

test("what JSON.parse refuses is refused, what it takes is taken", () => {
  const texts = ["", "{", "[1,]", "{a:1}", '{"a":1,}', "01", "+1", "1.", ".5", '"\t"', '"\\x"', "nul", "1 2", "[1 2]", '"a'];
  for (const text of texts) {
    expect(() => JSON.parse(text), text).toThrow();
    expect(() => parse(text), text).toThrow(JsonError);
  }
  const good = ' {"a" : [ 1 , -2.5e+3, true, false, null, {} , [] ], "b":"\\/" } ';
  expect(JSON.parse(stringify(parse(good)))).toEqual(JSON.parse(good));
});

test("a mistake is located", () => {
  try {
    parse('{\n  "a": 1,\n  "b": ]\n}');
    expect.unreachable();
  } catch (error) {
    expect(error).toMatchObject({ line: 3, column: 8 });
  }
});

test("depth is limited", () => {
  const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  expect(() => parse(nested(JSON_DEPTH_MAX))).not.toThrow();
  expect(() => parse(nested(JSON_DEPTH_MAX + 2))).toThrow("deep");
});

test("pretty text says the same", () => {
  const value = parse('{"a":[1,2,{"b":null}],"c":{},"d":[],"e":[[1],[2]]}');
  expect(parse(stringify(value, 2))).toEqual(value);
  expect(stringify(parse('{"a":[1,2]}'), 2)).toBe('{\n  "a": [1, 2]\n}');
});

test("plain values become JSON", () => {
  expect(fromPlain({ a: [1.5, "x", null] })).toEqual(new Map([["a", [new JsonNumber("1.5"), "x", null]]]));
});

test("pointers escape what they must", () => {
  expect(within(within("", "a/b~c"), 0)).toBe("/a~1b~0c/0");
});
