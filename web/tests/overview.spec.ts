// The overview: nothing yet, and then what happens.
import { expect, expectAccessible, test } from "./support/test";
import { Broker } from "./support/broker";

test("an empty broker says what to do first @phone", async ({ page }) => {
  const broker = await Broker.start();
  try {
    await page.goto(broker.console);
    await expect(page.getByText("No job yet")).toBeVisible();
    await expect(page.getByText("Nothing failed")).toBeVisible();
    await expectAccessible(page);
    await broker.submit("demo/greet", { name: "Ada" });
    await expect(page.getByText("No job yet")).toBeHidden();
    await expect(page.getByText("1 submitted")).toBeVisible();
  } finally {
    await broker.stop();
  }
});

test("failures are grouped by what they said and lead to their jobs @phone", async ({ page }) => {
  const broker = await Broker.start();
  try {
    for (let index = 0; index < 3; index += 1) await broker.finish("demo/fail", { message: "no such customer" });
    await broker.finish("demo/panic", { message: "boom" });
    await page.goto(broker.console);
    const failures = page.getByRole("region", { name: "Failures of the last hour" });
    await expect(failures.getByRole("link", { name: "3 failed jobs of demo/fail" })).toBeVisible();
    await expect(failures.getByText("demo/panic")).toBeVisible();
    await expectAccessible(page);
    await failures.getByRole("link", { name: "3 failed jobs of demo/fail" }).click();
    await expect(page.getByRole("row", { name: /demo\/fail/ })).toHaveCount(3);
    await expect(page.getByRole("row", { name: /demo\/panic/ })).toHaveCount(0);
  } finally {
    await broker.stop();
  }
});

test("the chart has a table, and numbers that grow", async ({ page, open, broker }) => {
  await open();
  await broker.finish("demo/add", { x: 1, y: 2 });
  const rates = page.getByRole("region", { name: "Jobs per second" });
  await rates.getByRole("button", { name: "Table" }).click();
  await expect(rates.getByRole("row").nth(1)).toContainText(/\d\d:\d\d/);
  await expectAccessible(page);
  await rates.getByRole("button", { name: "1 h" }).click();
  await rates.getByRole("button", { name: "Chart" }).click();
  await expect(rates.locator("canvas")).toBeVisible();
});
