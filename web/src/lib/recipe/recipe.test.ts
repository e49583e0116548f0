// Recipes are what a person would type, with everything quoted that must be.
import { expect, test } from "vitest";
import { type Recipe, fileOf, write } from "./recipe";

const call: Recipe = {
  action: "call",
  handler: "demo/greet",
  args: `{"name":"O'Hara","loud":true,"title":null}`,
  opts: { timeout: "5s" },
  base: "http://127.0.0.1:7878/",
};
const submit: Recipe = {
  ...call,
  action: "submit",
  opts: { queue: "mail", priority: -5, retry: { max_attempts: 3, on: ["trap", "error"] }, tags: { a: "b c" } },
};

test("a call by curl", () => {
  expect(write(call, "curl")).toBe(
    `curl \\\n  -H "Authorization: Bearer $WINDLASS_TOKEN" \\\n  'http://127.0.0.1:7878/v1/call/demo/greet?timeout=5s' \\\n` +
      `  --data-binary '{"name":"O'\\''Hara","loud":true,"title":null}'`,
  );
});

test("a submission by the command line", () => {
  expect(write(submit, "CLI")).toBe(
    `windlass submit demo/greet \\\n  --url http://127.0.0.1:7878 \\\n  --args '{"name":"O'\\''Hara","loud":true,"title":null}' \\\n` +
      `  --queue=mail \\\n  --priority=-5 \\\n  --max-attempts 3 \\\n  --retry-on trap,error \\\n  --tag 'a=b c'`,
  );
});

test("jobs to come after and what is only said have flags of their own", () => {
  const opts = { hold: true, after: { jobs: ["0a", "0b"], need: "any", ended: "finished" } };
  expect(write({ ...submit, opts }, "CLI").split(" \\\n  ").slice(3)).toEqual(["--hold", "--after 0a", "--after 0b", "--after-any", "--after-finished"]);
  expect(write({ ...submit, opts: { after: ["0a"] } }, "CLI")).toMatch(/--after 0a$/);
});

test("a submission by Python has Python's own words", () => {
  const text = write(submit, "Python");
  expect(text).toContain(`"args": {"name": "O'Hara", "loud": True, "title": None}`);
  expect(text).toContain(`"priority": -5`);
  expect(text).toContain(`["job"]`);
});

test("long arguments come from a file", () => {
  const long = { ...submit, args: JSON.stringify({ bytes: "A".repeat(5_000) }) };
  expect(fileOf(long)).toBe("args.json");
  expect(fileOf(submit)).toBeNull();
  for (const language of ["curl", "CLI", "Python"] as const) {
    expect(write(long, language)).toContain("args.json");
    expect(write(long, language)).not.toContain("AAAA");
  }
});
