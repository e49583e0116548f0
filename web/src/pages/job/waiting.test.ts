// Which jobs wait, and the words for what they come after.
import type { Job } from "windlass";
import { expect, test } from "vitest";
import { afterWords, isWaiting } from "./waiting";

test("a job waits until it runs or is final, also in a state that is new", () => {
  const waits = ["scheduled", "blocked", "ready", "parked", "running", "succeeded", "expired"].filter((state) => isWaiting({ state } as Job));
  expect(waits).toEqual(["scheduled", "blocked", "ready", "parked"]);
});

test("the words tell how many of the jobs are needed and which ends count", () => {
  expect(afterWords({ jobs: ["1"], need: "any", ended: "success" })).toBe("once it has succeeded");
  expect(afterWords({ jobs: ["1", "2"], need: "all", ended: "finished" })).toBe("once all have ended");
  expect(afterWords({ jobs: ["1", "2"], need: "any", ended: "success" })).toBe("once any one has succeeded");
});
