// The list of jobs: filters in the address, live without moving rows, many at once, and 100,000 of them.
import type { Page } from "@playwright/test";
import { expect, expectAccessible, test } from "./support/test";
import { Broker } from "./support/broker";
import { submitMany } from "./support/many";

const rows = (page: Page) => page.getByRole("grid", { name: "Jobs" }).getByRole("row").filter({ has: page.getByRole("checkbox") });

test("run a handler, find the job by filters, cancel it @phone", async ({ page, open, broker }) => {
  await open("/run/demo/sleep");
  await page.getByText("Submit job", { exact: true }).first().click();
  await page.getByLabel(/^millis/).first().fill("60000");
  await page.getByRole("button", { name: /^Submit/ }).click();
  await expect(page.getByRole("link", { name: /[0-9a-f]{32}/ }).first()).toBeVisible();
  await broker.finish("demo/greet", { name: "Ada" });

  await page.evaluate(() => (location.hash = "/jobs"));
  await expect(rows(page).filter({ hasText: "demo/greet" })).not.toHaveCount(0);
  const states = page.getByRole("group", { name: "States" });
  for (const state of [/blocked/, /expired/]) await expect(states.getByRole("button", { name: state })).toBeVisible();
  await states.getByRole("button", { name: /running/ }).click();
  await expect(rows(page)).toHaveCount(1);
  expect(page.url()).toContain("state=running");
  await rows(page).getByRole("link", { name: "demo/sleep" }).click();
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel job" }).click();
  await expect(page.getByRole("button", { name: "Retry" })).toBeVisible();
  await page.goBack();
  await expect(page.getByText("No job matches")).toBeVisible();
  await expectAccessible(page);
  await states.getByRole("button", { name: /running/ }).click();
  await expect(rows(page)).not.toHaveCount(0);
  await expectAccessible(page);
});

test("words, handler, queue and tag narrow the list, and clear widens it", async ({ page, open, broker }) => {
  await broker.finish("demo/greet", { name: "Ada" }, { queue: "letters", tags: { who: "ada" } });
  await broker.finish("demo/fail", { message: "the moon is away" }, { queue: "letters" });
  await open("/jobs");
  await page.getByRole("searchbox", { name: "Search jobs" }).fill("moon");
  await expect(rows(page)).toHaveCount(1);
  await page.getByRole("searchbox", { name: "Search jobs" }).fill("");
  await page.getByRole("button", { name: "Filters" }).click();
  await page.getByLabel("Queue").fill("letters");
  await expect(rows(page)).toHaveCount(2);
  await expectAccessible(page);
  await page.getByLabel("Tag").fill("who:ada");
  await expect(rows(page)).toHaveCount(1);
  await page.reload();
  await expect(rows(page)).toHaveCount(1);
  await page.getByRole("button", { name: "Clear" }).click();
  await expect(rows(page).filter({ hasText: "demo/fail" })).not.toHaveCount(0);
});

test("under the pointer rows change in place, and new ones wait to be shown", async ({ page, open, broker }) => {
  const slow = await broker.submit("demo/sleep", { millis: 1_000 }, { queue: "still" });
  await open("/jobs?queue=still");
  await rows(page).first().hover();
  const added = await broker.finish("demo/greet", { name: "Ada" }, { queue: "still" });
  await expect(page.getByRole("button", { name: "1 new" })).toBeVisible();
  await expect(page.locator(`#job-${slow}`)).toContainText("succeeded");
  await expect(rows(page)).toHaveCount(1);
  await page.getByRole("button", { name: "1 new" }).click();
  await expect(rows(page).first()).toHaveAttribute("id", `job-${added}`);
  await rows(page).first().hover();
  await broker.finish("demo/greet", { name: "Bob" }, { queue: "still" });
  await expect(page.getByRole("button", { name: "1 new" })).toBeVisible();
  // Last, because axe opens a page of its own and takes the pointer away.
  await expectAccessible(page);
});

test("without a pointer over the list new jobs come in by themselves", async ({ page, open, broker }) => {
  await open("/jobs?queue=quiet");
  await expect(page.getByText("No job matches")).toBeVisible();
  await broker.finish("demo/greet", { name: "Ada" }, { queue: "quiet" });
  await expect(rows(page)).toHaveCount(1);
  await broker.finish("demo/greet", { name: "Bob" }, { queue: "quiet" });
  await expect(rows(page)).toHaveCount(2);
});

test("selected jobs are cancelled and retried, with their exact count @phone", async ({ page, open, broker }) => {
  const queue = `bulk-${Date.now()}`;
  for (let index = 0; index < 3; index += 1) await broker.submit("demo/greet", { name: "Ada" }, { queue, delay: "1h" });
  await broker.finish("demo/greet", { name: "Ada" }, { queue });
  await open(`/jobs?queue=${queue}`);
  await expect(rows(page)).toHaveCount(4);
  await rows(page).first().getByRole("checkbox").click();
  await rows(page).last().getByRole("checkbox").click({ modifiers: ["Shift"] });
  await expect(page.getByText("4 jobs selected")).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("button", { name: "Cancel 3" }).click();
  const dialog = page.getByRole("dialog", { name: "Cancel 3 jobs?" });
  await expect(dialog).toContainText("3 of the 4 selected");
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Cancel 3 jobs" }).click();
  await expect(page.getByText("3 jobs cancelled")).toBeVisible();
  await expect(rows(page).filter({ hasText: "cancelled" })).toHaveCount(3);
});

test("all jobs that match are counted, released, cancelled and purged @phone", async ({ page, open, broker }) => {
  test.slow();
  const queue = `whole-${Date.now()}`;
  const hold = { handler: "demo/greet", args: { name: "Ada" }, opts: { queue, hold: true } };
  await submitMany(broker, 130, { ...hold, opts: { queue, delay: "1h" } });
  await submitMany(broker, 20, hold);
  await open(`/jobs?queue=${queue}`);
  await rows(page).first().getByRole("checkbox").click();
  const bar = page.getByRole("region", { name: "Selected jobs" });
  await bar.getByRole("button", { name: "Select all that match" }).click();
  await expect(bar).toContainText("All 150 jobs that match");
  await expect(bar.getByRole("button", { name: "Cancel 150" })).toBeEnabled();
  await expect(bar.getByRole("button", { name: "Purge 0" })).toBeDisabled();
  await expectAccessible(page);
  await bar.getByRole("button", { name: "Release 20" }).click();
  await page.getByRole("dialog", { name: "Release 20 jobs?" }).getByRole("button", { name: "Release 20 jobs" }).click();
  await expect(page.getByText("20 jobs released")).toBeVisible();

  await rows(page).first().getByRole("checkbox").click();
  await bar.getByRole("button", { name: "Select all that match" }).click();
  await bar.getByRole("button", { name: "Cancel 130" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Cancel 130 jobs" }).click();
  await expect(page.getByText("130 jobs cancelled")).toBeVisible();
  await rows(page).first().getByRole("checkbox").click();
  await bar.getByRole("button", { name: "Select all that match" }).click();
  await bar.getByRole("button", { name: "Purge 150" }).click();
  const dialog = page.getByRole("dialog", { name: "Purge 150 jobs?" });
  await expect(dialog).toContainText("cannot be undone");
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Purge 150 jobs" }).click();
  await expect(page.getByText("150 jobs purged")).toBeVisible();
  expect(await broker.request("GET", `v1/jobs?queue=${queue}`)).toMatchObject({ items: [] });
  await expect(page.getByText("No job matches")).toBeVisible();
});

test("going back leads to the row one came from @phone", async ({ page, open, broker }) => {
  const queue = `back-${Date.now()}`;
  await submitMany(broker, 300, { handler: "demo/greet", args: { name: "Ada" }, opts: { queue, delay: "1h" } });
  await open(`/jobs?queue=${queue}`);
  const grid = page.getByRole("grid", { name: "Jobs" });
  await expect(rows(page).first()).toBeVisible();
  await grid.evaluate((box) => (box.scrollTop = 3_000));
  const middle = rows(page).nth(11);
  await expect(middle).toBeInViewport();
  const id = await middle.getAttribute("id");
  const { y } = (await middle.boundingBox())!;
  await middle.getByRole("link").click();
  await expect(page.getByRole("heading", { level: 1, name: "demo/greet" })).toBeVisible();
  const added = await broker.finish("demo/greet", { name: "Bob" }, { queue });
  await broker.request("POST", `v1/jobs/${id!.slice("job-".length)}/cancel`);
  await page.goBack();
  await expect(page.locator(`#${id}`)).toBeInViewport();
  expect(Math.abs((await page.locator(`#${id}`).boundingBox())!.y - y)).toBeLessThan(2);
  await expect(page.locator(`#${id}`)).toContainText("cancelled");
  await page.getByRole("button", { name: "1 new" }).click();
  await expect(rows(page).first()).toHaveAttribute("id", `job-${added}`);
});

test("rows are walked, selected, retried and opened by keyboard", async ({ page, open, broker }) => {
  const queue = "keys";
  for (let index = 0; index < 3; index += 1) await broker.finish("demo/greet", { name: `${index}` }, { queue });
  await open(`/jobs?queue=${queue}`);
  await expect(rows(page)).toHaveCount(3);
  await page.keyboard.press("j");
  await page.keyboard.press("x");
  await page.keyboard.press("Shift+ArrowDown");
  await expect(page.getByText("2 jobs selected")).toBeVisible();
  await page.keyboard.press("r");
  await page.getByRole("dialog").getByRole("button", { name: "Retry 2 jobs" }).click();
  await expect(page.getByText("2 jobs submitted again")).toBeVisible();
  await page.keyboard.press("j");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1, name: "demo/greet" })).toBeVisible();
});

test("100,000 jobs are scrolled to their end with at most 80 rows in the page", async ({ page }) => {
  test.setTimeout(240_000);
  const broker = await Broker.start();
  try {
    await submitMany(broker, 100_000, { handler: "demo/add", args: { x: 1, y: 2 }, opts: { delay: "1h" } });
    await page.goto(`${broker.site}/#token=${broker.token}&/jobs`);
    await expect(rows(page).first()).toBeVisible();
    let most = 0;
    const grid = page.getByRole("grid", { name: "Jobs" });
    await expect(async () => {
      most = Math.max(most, await rows(page).count());
      await grid.evaluate((box) => (box.scrollTop = box.scrollHeight));
      await expect(page.getByText(/^The newest 100,000 are shown|^100,000 jobs$/)).toBeVisible({ timeout: 50 });
    }).toPass({ timeout: 200_000, intervals: [0] });
    most = Math.max(most, await rows(page).count());
    expect(most).toBeLessThanOrEqual(80);
    expect(most).toBeGreaterThan(10);
  } finally {
    await broker.stop();
  }
});
