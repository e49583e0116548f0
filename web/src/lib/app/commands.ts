// What the palette offers for a text: a job by its id, pages, what can be made, handlers, themes.

import type { Plugin } from "windlass";
import { router } from "./router.svelte";
import { navigation } from "./routes";
import { theme, type ThemeChoice } from "./theme.svelte";

export interface Command {
  id: string;
  title: string;
  kind: string;
  run: () => void;
}

const COMMANDS_MAX = 50;
const JOB_ID = /^[0-9a-f]{24,}$/i;

export function commands(text: string, plugins: Plugin[]): Command[] {
  const all = [...jobs(text), ...pages(), ...actions(), ...handlers(plugins), ...themes()];
  const words = text.toLowerCase().split(/\s+/);
  const fits = ({ title, kind }: Command) => words.every((word) => `${title} ${kind}`.toLowerCase().includes(word));
  return all.filter((command) => command.kind === "job" || fits(command)).slice(0, COMMANDS_MAX);
}

function jobs(text: string): Command[] {
  if (!JOB_ID.test(text)) return [];
  return [{ id: "job", title: text, kind: "job", run: () => router.go(`/jobs/${text}`) }];
}

function pages(): Command[] {
  return navigation.map(({ pattern, title }) => ({ id: `page ${pattern}`, title, kind: "page", run: () => router.go(pattern) }));
}

function actions(): Command[] {
  return [
    { id: "new schedule", title: "New schedule", kind: "action", run: () => router.go("/schedules?new") },
    { id: "upload", title: "Upload a plugin", kind: "action", run: () => router.go("/plugins?upload") },
  ];
}

function handlers(plugins: Plugin[]): Command[] {
  return plugins.flatMap(({ handlers }) => handlers).flatMap(({ name }) => {
    const path = name.split("/").map(encodeURIComponent).join("/");
    return [
      { id: `run ${name}`, title: `Run ${name}`, kind: "handler", run: () => router.go(`/run/${path}`) },
      { id: `schedule ${name}`, title: `Schedule ${name}`, kind: "handler", run: () => router.go(`/schedules?new=${encodeURIComponent(name)}`) },
      { id: `jobs ${name}`, title: `Jobs of ${name}`, kind: "handler", run: () => router.go(`/jobs?handler=${encodeURIComponent(name)}`) },
    ];
  });
}

function themes(): Command[] {
  const choices: ThemeChoice[] = ["system", "light", "dark"];
  return choices.map((choice) => ({ id: `theme ${choice}`, title: `Theme: ${choice}`, kind: "setting", run: () => theme.choose(choice) }));
}
