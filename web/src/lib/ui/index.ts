// The small shared parts that pages are made of.
export { default as Age } from "./Age.svelte";
export { default as Button } from "./Button.svelte";
export { default as Copy } from "./Copy.svelte";
export { default as Dialog } from "./Dialog.svelte";
export { default as Empty } from "./Empty.svelte";
export { default as ErrorNote } from "./ErrorNote.svelte";
export { default as Icon } from "./Icon.svelte";
export { default as Page } from "./Page.svelte";
export { default as Panel } from "./Panel.svelte";
export { default as Prose } from "./Prose.svelte";
export { default as StateBadge } from "./StateBadge.svelte";
export { default as Table } from "./Table.svelte";
export { default as Tabs } from "./Tabs.svelte";
export { default as TextField } from "./TextField.svelte";
export * as format from "./format";
export { toasts } from "./toasts.svelte";
