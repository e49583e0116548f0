// Where each step of the history was scrolled to: a new page begins at its top, going back leads to where one was.

import { router } from "./router.svelte";

const STEPS_MAX = 100;
/** So long the content may take to come before going back gives up. */
const REACH_MILLIS_MAX = 3_000;

const tops = new Map<number, number>();
let box: HTMLElement | undefined;
let stop = new AbortController();

/** The box that pages scroll in. */
export function keepScroll(element: HTMLElement): () => void {
  box = element;
  router.leaving = () => {
    tops.delete(router.step);
    tops.set(router.step, element.scrollTop);
    if (tops.size > STEPS_MAX) tops.delete(tops.keys().next().value!);
  };
  return () => (router.leaving = () => {});
}

/** A page is shown: goes to where it was left, as soon as its content is that long and unless one scrolls meanwhile. */
export function arrive(): void {
  stop.abort();
  if (!box) return;
  const element = box;
  const top = tops.get(router.step) ?? 0;
  stop = new AbortController();
  const { signal } = stop;
  for (const name of ["wheel", "pointerdown", "keydown", "touchstart"]) addEventListener(name, () => stop.abort(), { signal, passive: true });
  const end = performance.now() + REACH_MILLIS_MAX;
  const reach = () => {
    if (signal.aborted) return;
    element.scrollTop = top;
    if (Math.abs(element.scrollTop - top) <= 1 || performance.now() > end) stop.abort();
    else requestAnimationFrame(reach);
  };
  reach();
}
