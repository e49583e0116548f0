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
    const pages = {
      overview: "/", jobs: "/jobs", "jobs-filtered": "/jobs?state=failed&since=1h", job: `/jobs/${failed}`,
      "job-waiting": `/jobs/${waiting}`, queues: "/queues",
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
    await broker.kill();
    await expect(page.getByText("No connection to the broker.")).toBeVisible();
    await page.screenshot({ path: `${OUT}/disconnected-${project.name}.png`, animations: "disabled" });
  } finally {
    await broker.stop();
  }
});
