// The names of plugins.

/** What the broker takes. */
export const PLUGIN_NAME = /^[a-z][a-z0-9-]{0,62}$/;

/** The name a plugin could have, from that of its file. */
export function nameOf(file: string): string {
  const stem = file.replace(/\.wasm$/i, "").replace(/[._-]component$/i, "").toLowerCase();
  return stem.replace(/[^a-z0-9-]+/g, "-").replace(/^[^a-z]+/, "").slice(0, 63).replace(/-+$/, "");
}
