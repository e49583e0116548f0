// Schedules in words: what came of a tick, what happens when jobs overlap, times in a zone. Pure.

import type { CatchUp, Overlap, Tick } from "windlass";
import { moment } from "$lib/ui/format";

export const OVERLAPS: Record<Overlap, string> = {
  allow: "runs beside it",
  skip: "is skipped",
  cancel: "runs instead of it",
};

export const CATCH_UPS: Record<CatchUp, string> = {
  once: "make one job",
  skip: "make none",
};

const SKIPPED: Record<string, string> = {
  missed: "missed while the broker was down",
  overlap: "skipped: a job before was live",
  refused: "refused",
};

/** Why a tick made no job. */
export function skippedWords({ skipped, error }: Tick): string {
  if (skipped === undefined) return "";
  const words = SKIPPED[skipped] ?? `skipped: ${skipped}`;
  return error ? `${words}: ${error.message}` : words;
}

/** Whether a span is `0s`, in whatever unit. */
export function isNoSpan(span: string | number): boolean {
  return /^0[a-z]*$/.test(String(span));
}

/** A time on the clocks of a zone; a zone this browser does not know is told in its own. */
export function inZone(time: string, zone: string): string {
  try {
    const form = { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" } as const;
    return new Intl.DateTimeFormat("en-GB", { ...form, timeZone: zone }).format(new Date(time)).replace(/:00$/, "");
  } catch {
    return moment(time).slice(0, 19);
  }
}

/** The zones this browser knows, its own and UTC first. */
export function zones(): string[] {
  return [...new Set([ownZone(), "UTC", ...Intl.supportedValuesOf("timeZone")])];
}

export function ownZone(): string {
  return new Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}
