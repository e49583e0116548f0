// Puts a gzip form beside every file of the built console, so that the broker need not compress.
import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const out = process.env.WINDLASS_CONSOLE_OUT ?? "dist";

for (const name of readdirSync(out, { recursive: true })) {
  const path = join(out, name);
  if (statSync(path).isFile() && !path.endsWith(".gz")) {
    writeFileSync(`${path}.gz`, gzipSync(readFileSync(path), { level: 9 }));
  }
}
