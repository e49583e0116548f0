// A type laid out over lines is still the same type.
import { expect, test } from "vitest";
import { layOut } from "./layout";
import { parseType } from "./type";

test("long types go over lines and mean the same", () => {
  const wit = "list<record { first: variant { circle(f64), polygon(list<record { x: f64, y: f64 }>), dot }, second: result<option<u8>, string> }>";
  const laidOut = layOut(parseType(wit));
  expect(laidOut.split("\n").length).toBeGreaterThan(4);
  expect(parseType(laidOut.replace(/,\n\s*}/g, " }").replace(/\n\s*/g, " ")).wit).toBe(wit);
});

test("short types stay on their line", () => {
  expect(layOut(parseType("tuple<u8, string>"))).toBe("tuple<u8, string>");
});
