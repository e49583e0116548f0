// Browser tests: the built binary serves the console, Chromium drives it, on a desktop and on a phone.
import { defineConfig, devices } from "@playwright/test";

// The client needs a WebSocket in Node 20 too; the workers inherit this.
process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ""} --experimental-websocket`;

const chromium = process.env.WINDLASS_TEST_CHROMIUM ?? "/usr/bin/chromium";
const args = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

export default defineConfig({
  testDir: "tests",
  outputDir: "test-results",
  // A broker and a browser for each worker: two of them fill a small machine.
  workers: 2,
  fullyParallel: false,
  // Patience, not speed: a busy machine takes long for what axe asks.
  timeout: 180_000,
  expect: { timeout: 30_000 },
  reporter: [["list"]],
  use: { browserName: "chromium", launchOptions: { executablePath: chromium, args }, trace: "retain-on-failure" },
  projects: [
    { name: "desktop", grepInvert: /@phone-only/, use: { viewport: { width: 1440, height: 900 } } },
    { name: "phone", grep: /@phone/, use: { ...devices["Pixel 7"], viewport: { width: 360, height: 740 } } },
  ],
});
