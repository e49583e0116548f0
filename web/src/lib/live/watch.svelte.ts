// A list that the broker sends whole whenever it changed: plugins, workers, connections.

import type { Topic } from "windlass";
import { live } from "./live.svelte";

export interface Watched<T> {
  /** None until the first has come. */
  readonly items: T[] | undefined;
  /** When they came, in the broker's time. */
  readonly at: number;
  /** Why they do not come. */
  readonly error: Error | undefined;
}

/** The last list of each topic, to be shown until the first of a new subscription comes. */
const last = new Map<Topic, { items: unknown[]; at: number }>();

/** Watches a list while the component that calls this is shown. */
export function watch<T>(topic: Topic): Watched<T> {
  const known = last.get(topic);
  let items = $state.raw(known?.items as T[] | undefined);
  let at = $state(known?.at ?? 0);
  let error = $state.raw<Error>();
  $effect(() => {
    const subscription = live.client.subscribe<{ items: T[] }>(topic, {}, {
      event(data) {
        items = data.items;
        at = live.now;
        last.set(topic, { items, at });
      },
      refused: (reason) => (error = reason),
    });
    return () => subscription.close();
  });
  return {
    get items() { return items; },
    get at() { return at; },
    get error() { return error; },
  };
}
