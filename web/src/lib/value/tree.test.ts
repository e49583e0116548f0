// A tree shows what is open, knows bytes by their type, and never shows all of something huge at once.
import { expect, test } from "vitest";
import { parseType } from "../wit/type";
import { parse } from "./json";
import { MEMBERS_SHOWN_STEP, type Opened, canOpen, rows } from "./tree";

const NOTHING: Opened = { open: new Map(), shown: new Map() };

test("rows go top down with their pointers", () => {
  const found = rows(parse('{"a":[1,{"b/c":null}],"d":"x"}'), null, NOTHING);
  expect(found.map((row) => `${row.depth} ${row.pointer} ${row.kind}`)).toEqual([
    "0  object", "1 /a array", "2 /a/0 number", "2 /a/1 object", "3 /a/1/b~1c null", "1 /d text",
  ]);
});

test("what is closed hides its members", () => {
  const found = rows(parse('{"a":[1,2],"b":3}'), null, { ...NOTHING, open: new Map([["/a", false]]) });
  expect(found.map((row) => row.pointer)).toEqual(["", "/a", "/b"]);
});

test("long arrays begin closed and open in steps", () => {
  const long = parse(JSON.stringify(Array.from({ length: 100_000 }, (_, at) => at)));
  expect(rows(long, null, NOTHING)).toHaveLength(1);
  const open = new Map([["", true]]);
  const first = rows(long, null, { ...NOTHING, open });
  expect(first).toHaveLength(MEMBERS_SHOWN_STEP + 2);
  expect(first.at(-1)).toMatchObject({ kind: "more", count: 100_000 - MEMBERS_SHOWN_STEP, value: "" });
  expect(rows(long, null, { open, shown: new Map([["", 250]]) })).toHaveLength(252);
});

test("bytes are known by their type, wherever they are", () => {
  const type = parseType("record { a: option<list<u8>>, b: variant { c(list<u8>), d(string) }, e: string, f: result<list<u8>>, g: list<tuple<list<u8>>> }");
  const value = parse('{"a":"YQ==","b":{"case":"c","value":"YQ=="},"e":"YQ==","f":{"ok":"YQ=="},"g":[["YQ=="]]}');
  const bytes = rows(value, type, { ...NOTHING, open: new Map([["/g/0", true]]) }).filter((row) => row.kind === "bytes");
  expect(bytes.map((row) => row.pointer)).toEqual(["/a", "/b/value", "/f/ok", "/g/0/0"]);
  expect(bytes.every(canOpen)).toBe(true);
});

test("a value that does not follow its type is shown all the same", () => {
  expect(rows(parse('{"a":[1]}'), parseType("list<u8>"), NOTHING).map((row) => row.kind)).toEqual(["object", "array", "number"]);
});
