// A schedule while it is typed. The broker judges it; what is empty has its default.

import type { CatchUp, Overlap, Schedule, ScheduleOptions } from "windlass";
import { Options } from "$lib/options/options.svelte";
import { isNoSpan, ownZone } from "./words";

/** What one often wants, to begin from. */
export const PRESETS: readonly { title: string; cron: string }[] = [
  { title: "Every minute", cron: "* * * * *" },
  { title: "Every 15 minutes", cron: "*/15 * * * *" },
  { title: "Every hour", cron: "0 * * * *" },
  { title: "Every day at 09:00", cron: "0 9 * * *" },
  { title: "Monday to Friday at 09:00", cron: "0 9 * * 1-5" },
  { title: "Every Monday at 09:00", cron: "0 9 * * 1" },
  { title: "First of the month at 00:00", cron: "0 0 1 * *" },
];

export class ScheduleDraft {
  name = $state("");
  cron = $state("");
  timezone = $state(ownZone());
  handler = $state("");
  overlap = $state<Overlap>("allow");
  catchUp = $state<CatchUp>("once");
  jitter = $state("");
  paused = $state(false);
  readonly options = new Options();

  /** Takes over a schedule that there is. */
  fill(schedule: Schedule): void {
    this.name = schedule.name;
    this.cron = schedule.cron;
    this.timezone = schedule.timezone;
    this.handler = schedule.handler;
    this.overlap = schedule.overlap;
    this.catchUp = schedule.catch_up;
    this.jitter = isNoSpan(schedule.jitter) ? "" : String(schedule.jitter);
    this.paused = schedule.paused;
    this.options.fill({ ...schedule.opts });
  }

  /** What goes to the broker. */
  value(args: unknown): ScheduleOptions {
    const opts = this.options.value("schedule");
    const jitter = this.jitter.trim();
    return {
      cron: this.cron.trim(),
      timezone: this.timezone.trim() || "UTC",
      handler: this.handler,
      args,
      ...(Object.keys(opts).length === 0 ? {} : { opts }),
      overlap: this.overlap,
      catch_up: this.catchUp,
      ...(jitter === "" ? {} : { jitter }),
      paused: this.paused,
    };
  }
}
