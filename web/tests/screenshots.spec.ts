// Pictures of every page in both themes, for people to look at: `target/screenshots`.
import { fileURLToPath } from "node:url";
import { expect, test } from "./support/test";
import { Broker } from "./support/broker";

const OUT = process.env.WINDLASS_SCREENSHOTS ?? fileURLToPath(new URL("../../target/screenshots", import.meta.url));

test("every page in both themes @phone", async ({ page }, { project }) => {
  const broker = await Broker.start();
  try {
    const failed = await broker.finish("demo/panic", { message: "the disk is full" }, { retry: { max_attempts: 3, initial: "200ms" }, tags: { customer: "acme" } });
    await broker.submit("demo/sleep", { millis: 120_000 }, { queue: "reports", run_timeout: "5m" });
    for (let index = 0; index < 8; index += 1) {
      await broker.submit("demo/greet", { name: "Ada" }, { tags: { region: "eu", tier: "gold" } });
      await broker.submit("demo/add", { x: index, y: 2 }, { queue: "sums" });
      await broker.finish("demo/fail", { message: "no such customer" }, { queue: "mail" });
    }
    await broker.submit("demo/divide", { a: 1, b: 0 });
    await broker.submit("demo/greet", { name: "Bob" }, { delay: "2h" });
    await broker.request("POST", "v1/queues/sums/limit", { concurrency: 4, rate: { count: 10, per: "1s" } });
    await broker.request("POST", "v1/queues/invoices/pause");
    const first = await broker.submit("demo/greet", { name: "Cleo" }, { queue: "invoices" });
    const waiting = await broker.submit("demo/greet", { name: "Dan" }, { queue: "invoices", after: [first], queue_timeout: "1h" });
    const last = await broker.submit("demo/add", { x: 1, y: 2 }, { after: [waiting], queue: "invoices" });
    await broker.submit("demo/greet", { name: "Eve" }, { after: [waiting] });
    await broker.request("PUT", "v1/schedules/heartbeat", { cron: "*/5 * * * * *", handler: "demo/greet", args: { name: "Ada" } });
    await broker.request("PUT", "v1/schedules/daily-report", { cron: "0 9 * * 1-5", timezone: "Europe/Berlin", handler: "demo/divide", args: { a: 1, b: 0 }, overlap: "skip" });
    await broker.request("POST", "v1/schedules/daily-report/trigger");
    await broker.request("PUT", "v1/schedules/cleanup", { cron: "30 3 1 * *", handler: "demo/sleep", args: { millis: 10 }, paused: true });
    const pages = {
      overview: "/", jobs: "/jobs", "jobs-filtered": "/jobs?state=failed&since=1h", job: `/jobs/${failed}`,
      "job-waiting": `/jobs/${waiting}`, "job-last": `/jobs/${last}`, queues: "/queues", schedules: "/schedules",
      "schedule-new": "/schedules?new=demo/greet",
      run: "/run/demo/greet", plugins: "/plugins", plugin: "/plugins/demo", workers: "/workers", connections: "/connections",
    };
    await page.goto(broker.console);
    await expect(page.getByText(/\d+ submitted/)).toBeVisible();
    for (const [name, path] of Object.entries(pages)) {
      await page.evaluate((hash) => (location.hash = hash), path);
      await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
      for (const colorScheme of ["light", "dark"] as const) {
        await page.emulateMedia({ colorScheme });
        await page.waitForLoadState("networkidle");
        await page.screenshot({ path: `${OUT}/${name}-${project.name}-${colorScheme}.png`, animations: "disabled" });
      }
    }
    await page.evaluate(() => (location.hash = "/jobs"));
    await page.getByRole("checkbox").first().click();
    await expect(page.getByRole("region", { name: "Selected jobs" })).toBeVisible();
    await page.screenshot({ path: `${OUT}/jobs-selected-${project.name}.png`, animations: "disabled" });
    await broker.kill();
    await expect(page.getByText("No connection to the broker.")).toBeVisible();
    await page.screenshot({ path: `${OUT}/disconnected-${project.name}.png`, animations: "disabled" });
  } finally {
    await broker.stop();
  }
});
