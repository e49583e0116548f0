// The build: relative URLs for any base path, hashed names, nothing inlined.
import { fileURLToPath } from "node:url";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vitest/config";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const broker = process.env.WINDLASS_URL ?? "http://127.0.0.1:7878";
const proxy = { "/v1": { target: broker, ws: true } };

export default defineConfig({
  base: "./",
  plugins: [svelte()],
  resolve: { alias: { $lib: here("src/lib"), windlass: here("../sdk/ts/src/index.ts") } },
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    outDir: process.env.WINDLASS_CONSOLE_OUT ?? "dist",
    emptyOutDir: true,
    reportCompressedSize: false,
  },
  server: { proxy, fs: { allow: [here("."), here("../sdk/ts")] } },
  preview: { proxy },
  // Node 20 has its WebSocket behind a flag. The time limit is patience with a busy machine.
  test: { testTimeout: 60_000, hookTimeout: 60_000, execArgv: ["--experimental-websocket"], include: ["src/**/*.test.ts", "../sdk/ts/test/**/*.test.ts"] },
});
