// A file's name suggests a name that the broker takes.
import { expect, test } from "vitest";
import { PLUGIN_NAME, nameOf } from "./name";

test("names of plugins come from names of files", () => {
  expect(["Image_Resize.wasm", "math.component.wasm", "2fast.wasm", "a--.wasm"].map(nameOf)).toEqual(["image-resize", "math", "fast", "a"]);
  expect(nameOf("x".repeat(100))).toMatch(PLUGIN_NAME);
});
