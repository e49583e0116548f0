// What the broker says about a mistake is taken apart for people.
import { expect, test } from "vitest";
import { detailOf, plainMessage } from "./problem";

test("a mistake in the arguments has its place apart", () => {
  const problem = {
    code: "bad_arguments",
    message: '`/args/x`: expected `s32`, found the text "a"',
    detail: { pointer: "/args/x" },
    retryable: false,
  };
  expect(detailOf(problem)).toMatchObject({ pointer: "/args/x", value: undefined });
  expect(plainMessage(problem)).toBe('expected `s32`, found the text "a"');
});

test("a refused upload has its rule and offset", () => {
  const detail = { rule: "invalid", where: { offset: 7 } };
  expect(detailOf({ code: "plugin_rejected", message: "", detail, retryable: false })).toMatchObject({ rule: "invalid", offset: 7 });
});

test("a trap has its frames, a handler's error its value", () => {
  const trap = { code: "trap", message: "", detail: { trap: "unreachable", frames: ["a", "b"] }, retryable: false };
  expect(detailOf(trap)).toMatchObject({ frames: ["a", "b"], value: undefined });
  const failed = { code: "handler_error", message: "", detail: { pointer: "mine" }, retryable: false };
  expect(detailOf(failed)).toMatchObject({ pointer: null, value: { pointer: "mine" } });
});
