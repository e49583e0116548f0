// What pages know of the broker.
export { live } from "./live.svelte";
export { Polled } from "./polled.svelte";
export { stats } from "./stats.svelte";
export { watch } from "./watch.svelte";
