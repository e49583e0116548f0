// The pages: where each is, how it is called, which key leads to it. A page is loaded when it is first shown.

import type { Component } from "svelte";

export interface PageProps {
  params: Record<string, string>;
  query: URLSearchParams;
}

type Load = () => Promise<{ default: Component<PageProps> }>;

export interface PageRoute {
  pattern: string;
  title: string;
  load: Load;
  /** The letter after `g`, for pages in the navigation. */
  key?: string;
  icon?: string;
}

const found = import.meta.glob<{ default: Component<PageProps> }>("../../pages/*/*Page.svelte");

function page(file: string): Load | undefined {
  return found[`../../pages/${file}.svelte`];
}

const all: (Omit<PageRoute, "load"> & { load: Load | undefined })[] = [
  { pattern: "/", title: "Overview", load: page("overview/OverviewPage"), key: "o", icon: "overview" },
  { pattern: "/jobs", title: "Jobs", load: page("jobs/JobsPage"), key: "j", icon: "jobs" },
  { pattern: "/jobs/:id", title: "Job", load: page("job/JobPage") },
  { pattern: "/queues", title: "Queues", load: page("queues/QueuesPage"), key: "q", icon: "queues" },
  { pattern: "/schedules", title: "Schedules", load: page("schedules/SchedulesPage"), key: "s", icon: "schedules" },
  { pattern: "/run", title: "Run", load: page("run/RunPage"), key: "r", icon: "run" },
  { pattern: "/run/:plugin/:function", title: "Run", load: page("run/RunPage") },
  { pattern: "/plugins", title: "Plugins", load: page("plugins/PluginsPage"), key: "p", icon: "plugins" },
  { pattern: "/plugins/:name", title: "Plugin", load: page("plugin/PluginPage") },
  { pattern: "/workers", title: "Workers", load: page("workers/WorkersPage"), key: "w", icon: "workers" },
  { pattern: "/connections", title: "Connections", load: page("connections/ConnectionsPage"), key: "c", icon: "connections" },
];

export const routes = all.filter((route): route is PageRoute => route.load !== undefined);
export const navigation = routes.filter((route) => route.key !== undefined);

/** The page at a path, with what the path says. */
export function match(path: string): { route: PageRoute; params: Record<string, string> } | undefined {
  const parts = path.split("/").filter(Boolean);
  for (const route of routes) {
    const wanted = route.pattern.split("/").filter(Boolean);
    if (wanted.length !== parts.length) continue;
    const params: Record<string, string> = {};
    const fits = wanted.every((part, index) => {
      if (part.startsWith(":")) params[part.slice(1)] = decodeURIComponent(parts[index]!);
      return part.startsWith(":") || part === parts[index];
    });
    if (fits) return { route, params };
  }
  return undefined;
}
