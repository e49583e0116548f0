// The states of a job, in the order of its life, and what each feels like.

import type { JobState } from "windlass";

export const LIVE_STATES = ["scheduled", "blocked", "ready", "running"] as const;
export const FINAL_STATES = ["succeeded", "failed", "cancelled", "expired"] as const;

export type Tone = "ok" | "warn" | "bad" | "info" | "idle";

const TONES: Record<string, Tone> = {
  scheduled: "idle",
  blocked: "warn",
  ready: "idle",
  running: "info",
  succeeded: "ok",
  failed: "bad",
  cancelled: "idle",
  expired: "warn",
};

export function toneOf(state: JobState): Tone {
  return TONES[state] ?? "idle";
}

export function isFinal(state: JobState): boolean {
  return (FINAL_STATES as readonly string[]).includes(state);
}
