// Components to upload: the build leaves those of the demo plugins in its target directory.
import { fileURLToPath } from "node:url";

const BUILT = fileURLToPath(new URL("../../../target/guest/wasm32-wasip2/guest/", import.meta.url));

/** The file of a plugin that the build made. */
export function component(name: "demo" | "thumbnail"): string {
  return `${process.env.WINDLASS_TEST_COMPONENTS ?? BUILT}/plugin_${name}.wasm`;
}

/** A small PNG: one grey pixel, so large that it is seen as an image. */
export const PNG = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg==",
  "base64",
);
