// A job's page: what became of it, live, and how to do it again.
import { expect, expectAccessible, test } from "./support/test";

test("a failed job tells why, with the guest's stack, its attempts and its log @phone", async ({ page, open, broker }) => {
  const job = await broker.finish("demo/panic", { message: "the disk is full" }, { retry: { max_attempts: 2, initial: "10ms" }, tags: { customer: "acme" } });
  await open(`/jobs/${job}`);
  await expect(page.getByRole("alert")).toContainText("unreachable");
  await page.getByText(/frames of the guest/).click();
  await expect(page.getByRole("alert")).toContainText("demo");
  await expect(page.getByRole("region", { name: "Log" })).toContainText("the disk is full");
  await expect(page.getByRole("region", { name: "Attempts" }).getByRole("row")).toHaveCount(5);
  await expect(page.getByText("customer: acme")).toBeVisible();
  await expect(page.getByRole("listitem").filter({ hasText: "attempt 2" })).toContainText("trap");
  await expectAccessible(page);
});

test("a job is watched while it waits, runs and ends", async ({ page, open, broker }) => {
  const { slots } = await broker.request<{ slots: { total: number } }>("GET", "v1/stats");
  const inTheWay = [];
  for (let slot = 0; slot < slots.total; slot += 1) inTheWay.push(await broker.submit("demo/spin", {}, { run_timeout: "never" }));
  const job = await broker.submit("demo/sleep", { millis: 5_000 });
  await open(`/jobs/${job}`);
  await expect(page.getByText("waits to run")).toBeVisible();
  await expectAccessible(page);
  for (const other of inTheWay) await broker.request("POST", `v1/jobs/${other}/cancel`);
  await expect(page.getByText("attempt 1 runs")).toBeVisible();
  await expect(page.getByRole("region", { name: "Result" })).toContainText(/[5-9]\d{3}/);
  await expect(page.getByRole("button", { name: "Retry" })).toBeEnabled();
});

test("a job that waits says why, with links, and a held one is released @phone", async ({ page, open, broker }) => {
  const held = await broker.submit("demo/greet", { name: "Ada" }, { hold: true });
  const next = await broker.submit("demo/greet", { name: "Bob" }, { after: [held], queue: "stopped" });
  await broker.request("POST", "v1/queues/stopped/pause");
  await open(`/jobs/${next}`);
  const why = page.getByRole("region", { name: "Why it waits" });
  await expect(why).toContainText("once it has succeeded");
  await expectAccessible(page);
  await why.getByRole("link", { name: held }).click();
  await expect(why).toContainText("It is held.");
  await page.getByRole("button", { name: "Release" }).click();
  await expect(page.getByRole("region", { name: "Result" })).toContainText("Ada");
  await expect(why).toHaveCount(0);
  await page.goBack();
  await expect(why).toContainText("is paused");
  await expectAccessible(page);
  await why.getByRole("link", { name: "stopped" }).click();
  await expect(page.getByRole("row").filter({ hasText: "paused" })).toContainText("stopped");
  await broker.request("POST", "v1/queues/stopped/resume");
});

test("jobs before and behind are drawn, each a link with its state @phone", async ({ page, open, broker }) => {
  const hold = { hold: true };
  const [first, second] = [await broker.submit("demo/greet", { name: "Ada" }, hold), await broker.finish("demo/add", { x: 1, y: 2 })];
  const middle = await broker.submit("demo/greet", { name: "Bob" }, { after: [first, second] });
  const last = await broker.submit("demo/greet", { name: "Cleo" }, { after: [middle] });
  await open(`/jobs/${middle}`);
  const picture = page.getByRole("group", { name: "Jobs before and after this one" });
  await expect(picture.getByRole("link")).toHaveCount(4);
  await expect(picture.getByRole("link", { name: /^it comes after: demo\/greet, scheduled/ })).toBeAttached();
  await expect(picture.getByRole("link", { name: /^it comes after: demo\/add, succeeded/ })).toBeAttached();
  await expect(picture.getByRole("link", { name: /^this job: demo\/greet, blocked/ })).toHaveAttribute("aria-current", "true");
  await expectAccessible(page);
  await broker.request("POST", `v1/jobs/${first}/release`);
  const behind = picture.getByRole("link", { name: /^comes after it: demo\/greet, succeeded/ });
  await behind.focus();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("main")).toContainText(last);
  await expect(picture.getByRole("link", { name: /^further away/ })).toHaveCount(2);
  const again = await broker.request<{ job: string }>("POST", `v1/jobs/${last}/retry`);
  await page.reload();
  await expect(picture.getByRole("link", { name: /^its retry/ })).toHaveAttribute("href", `#/jobs/${again.job}`);
  await broker.request("POST", `v1/jobs/${first}/purge`);
  await page.reload();
  await expect(picture.getByRole("link", { name: /no longer there/ })).toBeAttached();
});

test("going back leads to where a long page was left", async ({ page, open, broker }) => {
  const failed = await broker.finish("demo/panic", { message: "no" }, { retry: { max_attempts: 9, initial: "1ms" } });
  await page.setViewportSize({ width: 900, height: 500 });
  await open(`/jobs/${failed}`);
  await expect(page.getByRole("region", { name: "Attempts" })).toBeVisible();
  const main = page.locator("main");
  await main.evaluate((box) => (box.scrollTop = 600));
  await page.evaluate(() => (location.hash = "/workers"));
  await expect(page.getByRole("heading", { level: 1, name: "Workers" })).toBeVisible();
  expect(await main.evaluate((box) => box.scrollTop)).toBe(0);
  await page.goBack();
  await expect.poll(() => main.evaluate((box) => box.scrollTop)).toBe(600);
});

test("numbers keep all their digits", async ({ page, open, broker }) => {
  const job = await broker.finish("demo/divide", { a: 1, b: 3 });
  await open(`/jobs/${job}`);
  await expect(page.getByRole("region", { name: "Result" })).toContainText(/0\.3{16}/);
});

test("cancel asks first, then stops the handler", async ({ page, open, broker }) => {
  const job = await broker.submit("demo/spin");
  await open(`/jobs/${job}`);
  await page.getByRole("button", { name: "Cancel" }).click();
  const dialog = page.getByRole("dialog", { name: "Cancel this job?" });
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Cancel job" }).click();
  await expect(page.getByRole("alert").filter({ hasText: "Cancelled" })).toBeVisible();
  expect(await broker.request("GET", `v1/jobs/${job}`)).toMatchObject({ state: "cancelled" });
});

test("retry leads to the new job, which says what it is a retry of", async ({ page, open, broker }) => {
  const job = await broker.finish("demo/fail", { message: "no" });
  await open(`/jobs/${job}`);
  await page.getByRole("button", { name: "Retry" }).click();
  await expect(page.getByRole("link", { name: job })).toBeVisible();
  expect(page.url()).not.toContain(job);
});

test("run like this fills the form with the job's arguments", async ({ page, open, broker }) => {
  const job = await broker.finish("demo/add", { x: 17, y: 25 });
  await open(`/jobs/${job}`);
  await page.getByRole("link", { name: "Run like this" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Run" })).toBeVisible();
  await expect(page.getByRole("main")).toContainText(job);
  await expect(page.getByLabel(/^x/).first()).toHaveValue("17");
});

test("the same can be submitted by curl, command line and Python", async ({ page, open, broker }) => {
  const job = await broker.finish("demo/add", { x: 17, y: 25 });
  await open(`/jobs/${job}`);
  const panel = page.getByRole("region", { name: "Submit the same" });
  await expect(panel).toContainText("curl");
  await panel.getByRole("tab", { name: "CLI" }).click();
  await expect(panel).toContainText("windlass submit demo/add");
  await panel.getByRole("tab", { name: "CLI" }).press("ArrowRight");
  await expect(panel).toContainText("urllib.request");
});

test("a job that does not exist says so @phone", async ({ page, broker }) => {
  await page.goto(`${broker.site}/#token=${broker.token}&/jobs/${"0".repeat(32)}`);
  await expect(page.getByRole("alert")).toContainText("not_found");
  await expectAccessible(page);
});
