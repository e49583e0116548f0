// Fails the build when the console's JavaScript outgrows its budget (gzip): at first view, and all of it.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const FIRST_VIEW_BYTES_MAX = 90 * 1024;
const ALL_BYTES_MAX = 180 * 1024;

const out = process.env.WINDLASS_CONSOLE_OUT ?? "dist";
const assets = join(out, "assets");
const texts = new Map(
  readdirSync(assets).filter((name) => name.endsWith(".js")).map((name) => [name, readFileSync(join(assets, name))]),
);
const bytes = new Map([...texts].map(([name, text]) => [name, gzipSync(text, { level: 9 }).length]));

/** A chunk and everything it imports before it can run. */
function withImports(name, found = new Set()) {
  if (found.has(name) || !texts.has(name)) return found;
  found.add(name);
  for (const [, imported] of texts.get(name).toString().matchAll(/(?:from|import)\s*["']\.\/([^"']+\.js)["']/g)) {
    withImports(imported, found);
  }
  return found;
}

const [, entry] = readFileSync(join(out, "index.html"), "utf8").match(/src="\.\/assets\/([^"]+\.js)"/);
// The first view is the shell and the overview with what only it needs.
const page = [...texts.keys()].find((name) => name.startsWith("OverviewPage-"));
const firstView = withImports(entry);
if (page) withImports(page, firstView);
for (const name of texts.keys()) if (name.startsWith("Chart-")) withImports(name, firstView);

const sum = (names) => [...names].reduce((total, name) => total + bytes.get(name), 0);
const first = sum(firstView);
const all = sum(texts.keys());
const kib = (count) => `${(count / 1024).toFixed(1)} KiB`;
console.log(`JavaScript, gzip: ${kib(first)} of ${kib(FIRST_VIEW_BYTES_MAX)} at first view, ${kib(all)} of ${kib(ALL_BYTES_MAX)} in all`);
if (first > FIRST_VIEW_BYTES_MAX || all > ALL_BYTES_MAX) {
  console.error("the console's JavaScript is over its budget: load less at first view, or leave a dependency out");
  process.exit(1);
}
