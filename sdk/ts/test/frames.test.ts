// Members of objects come out as they were written.
import { expect, test } from "vitest";
import { memberText } from "../src/frames.ts";

test.each([
  ['{"value":9007199254740993}', "value", "9007199254740993"],
  ['{"op":"result","id":1,"value":{"a":[1.0,{"b":"}"}],"c":-0}}', "value", '{"a":[1.0,{"b":"}"}],"c":-0}'],
  [' { "a" : "x\\"y,}" , "value" : [ 1 , 2 ] } ', "value", "[ 1 , 2 ]"],
  ['{"va\\u006cue":true,"b":null}', "value", "true"],
  ['{"a":{"value":1},"value":2}', "value", "2"],
  ['{"a":[],"b":{},"value":""}', "value", '""'],
  ['{"value":1e400}', "value", "1e400"],
])("%s has its %s as %s", (object, name, text) => {
  expect(memberText(object, name)).toBe(text);
});

test.each(["{}", "[]", "1", '{"a":1}', ""])("%s has no such member", (object) => {
  expect(memberText(object, "value")).toBeUndefined();
});

test("an object that ends too early is refused", () => {
  expect(() => memberText('{"value":[1', "value")).toThrow(SyntaxError);
});
