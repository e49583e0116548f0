// Workers and Connections: what the broker knows of them now, and what is left when it is gone.
import { Broker } from "./support/broker";
import { expect, expectAccessible, test } from "./support/test";

test("a worker shows what it runs, as long as it runs @phone", async ({ page, open, broker }) => {
  await open("/workers");
  const worker = page.getByRole("region", { name: "local", exact: true });
  await expect(worker).toContainText("No job is running");
  await expectAccessible(page);
  const job = await broker.submit("demo/spin", {}, { run_timeout: "never" });
  await expect(worker.getByRole("row").filter({ hasText: "demo/spin" })).toContainText(job.slice(-12));
  await expectAccessible(page);
  await worker.getByRole("link", { name: job.slice(-12) }).click();
  await expect(page.getByRole("heading", { level: 1, name: "demo/spin" })).toBeVisible();
  await page.goBack();
  await broker.request("POST", `v1/jobs/${job}/cancel`);
  await expect(worker).toContainText("No job is running");
});

test("a connection is shown while it is open, and why it went @phone", async ({ page, open, broker }) => {
  await open("/connections");
  await expect(page.getByText("this console")).toBeVisible();
  const socket = new WebSocket(`${broker.url.replace("http", "ws")}/v1/ws`, ["windlass.v1.json"]);
  socket.onopen = () => socket.send(JSON.stringify({ op: "session.hello", token: broker.token, name: "visitor" }));
  await expect(page.getByRole("row").filter({ hasText: "visitor" })).toBeVisible();
  await expectAccessible(page);
  socket.close();
  await expect(page.getByRole("row").filter({ hasText: "visitor" })).toHaveCount(0);
  await page.getByText(/^Gone/).click();
  await expect(page.getByRole("row").filter({ hasText: "visitor" }).first()).toContainText("closed by the client");
  await page.getByLabel("Filter connections").fill("nobody");
  await expect(page.getByText("No connection matches")).toBeVisible();
  await expectAccessible(page);
});

/** Pages, and what stands on each as long as it shows anything. */
const PAGES = [
  ["/plugins", "thumbnail"],
  ["/plugins/demo", "shapes.everything"],
  ["/workers", "Slots in use"],
  ["/connections", "this console"],
  ["/run/demo/add", "Arguments"],
  ["/schedules", "New schedule"],
] as const;

test("every page is accessible with more contrast @phone", async ({ page, open }) => {
  test.slow();
  await page.emulateMedia({ contrast: "more" });
  for (const [path, text] of PAGES) {
    await open(path);
    await expect(page.locator("main").getByText(text).first()).toBeVisible();
    await expectAccessible(page);
  }
});

for (const [path, text] of PAGES) {
  test(`${path} stays and says it is old when the broker is gone`, async ({ page }) => {
    const broker = await Broker.start();
    try {
      await page.goto(`${broker.site}/#token=${broker.token}&${path}`);
      await expect(page.locator("main").getByText(text).first()).toBeVisible();
      await broker.kill();
      await expect(page.getByText("No connection to the broker")).toBeVisible();
      await expect(page.locator("main").getByText(text).first()).toBeVisible();
      await expectAccessible(page);
    } finally {
      await broker.stop();
    }
  });
}
