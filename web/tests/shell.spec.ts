// The shell: signing in, finding one's way by keyboard, and a broker that goes away and comes back.
import { expect, expectAccessible, test } from "./support/test";
import { Broker } from "./support/broker";

test("the token leaves the address bar and opens the overview @phone", async ({ page, broker }) => {
  await page.goto(broker.console);
  await expect(page.getByRole("heading", { name: "Overview" })).toBeVisible();
  expect(new URL(page.url()).hash).toBe("#/");
  await page.reload();
  await expect(page.getByRole("heading", { name: "Overview" })).toBeVisible();
});

test("without a token the console asks for one, and says when it is wrong @phone", async ({ page, broker }) => {
  await page.goto(`${broker.site}/`);
  await expect(page.getByRole("heading", { name: "Sign in to windlass" })).toBeVisible();
  await expectAccessible(page);
  await page.getByLabel("Token").fill("wrong");
  await page.getByRole("button", { name: "Connect" }).click();
  await expect(page.getByRole("alert")).toContainText("refused");
  await expectAccessible(page);
  await page.getByLabel("Token").fill(broker.token);
  await page.getByRole("button", { name: "Connect" }).click();
  await expect(page.getByRole("heading", { name: "Overview" })).toBeVisible();
});

test("every page is reached by keyboard, and help lists the keys", async ({ page, open }) => {
  await open();
  for (const [key, title] of [["j", "Jobs"], ["q", "Queues"], ["s", "Schedules"], ["r", "Run"], ["p", "Plugins"], ["w", "Workers"], ["c", "Connections"], ["o", "Overview"]] as const) {
    await page.keyboard.press("g");
    await page.keyboard.press(key);
    await expect(page.getByRole("heading", { level: 1, name: title })).toBeVisible();
  }
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog", { name: "Keyboard" })).toContainText("Go to Jobs");
  await expectAccessible(page);
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
});

test("on a phone the menu leads to the pages that do not fit @phone-only", async ({ page, open }) => {
  await open();
  await page.getByRole("button", { name: "More" }).click();
  await expectAccessible(page);
  await page.getByRole("link", { name: "Connections" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Connections" })).toBeVisible();
  await expect(page.getByRole("link", { name: "Workers" })).toBeHidden();
});

test("the palette finds pages, handlers and a job by its id", async ({ page, open, broker }) => {
  const job = await broker.finish("demo/greet", { name: "Ada" });
  await open();
  await page.keyboard.press("Control+k");
  const field = page.getByRole("combobox", { name: /Search pages/ });
  await field.fill("run greet");
  await expect(page.getByRole("option", { name: /Run demo\/greet/ })).toHaveAttribute("aria-selected", "true");
  await expectAccessible(page);
  await field.fill("new sched");
  await expect(page.getByRole("option")).toHaveText(/New schedule/);
  await field.fill(job);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1, name: "demo/greet" })).toBeVisible();
});

test("the theme follows the system, or what is chosen", async ({ page, open }) => {
  await page.emulateMedia({ colorScheme: "dark" });
  await open();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
  await page.keyboard.press("t");
  await expect(page.locator("html")).toHaveAttribute("data-theme", "light");
  await page.reload();
  await expect(page.locator("html")).toHaveAttribute("data-theme", "light");
});

test("an address without a page says so", async ({ page, open }) => {
  await open("/nowhere");
  await expect(page.getByText("There is nothing at /nowhere")).toBeVisible();
  await expectAccessible(page);
});

test("a broker that is killed leaves its last numbers, dimmed with their age; one that returns is taken up @phone", async ({ page }) => {
  const broker = await Broker.start();
  try {
    await broker.finish("demo/greet", { name: "Ada" });
    await page.goto(broker.console);
    await expect(page.getByText("1 submitted")).toBeVisible();
    await broker.kill();
    await expect(page.getByText("No connection to the broker.")).toBeVisible();
    await expect(page.getByText(/\d+ s ago/).first()).toBeVisible();
    await expectAccessible(page);
    await broker.revive();
    await expect(page.getByText("No connection to the broker.")).toBeHidden();
    const job = await broker.submit("demo/sleep", { millis: 60_000 });
    await page.evaluate((id) => (location.hash = `/jobs/${id}`), job);
    await expect(page.getByRole("main").getByText("running").first()).toBeVisible();
  } finally {
    await broker.stop();
  }
});
