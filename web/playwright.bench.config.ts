// Benches of the console, apart from the tests: `npm run bench` prints what it measured.
import config from "./playwright.config.ts";

export default {
  ...config,
  testDir: "bench",
  testMatch: /.*\.bench\.ts/,
  workers: 1,
  timeout: 600_000,
  projects: [{ name: "desktop", use: { viewport: { width: 1440, height: 900 } } }],
};
