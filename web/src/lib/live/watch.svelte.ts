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

/** Watches a list while the component that calls this is shown. */
export function watch<T>(topic: Topic): Watched<T> {
  let items = $state.raw<T[]>();
  let at = $state(0);
  let error = $state.raw<Error>();
  $effect(() => {
    const subscription = live.client.subscribe<{ items: T[] }>(topic, {}, {
      event(data) {
        items = data.items;
        at = live.now;
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
