// Schedules: made, changed, paused, triggered and deleted, and what came of their ticks.
import type { Page } from "@playwright/test";
import { Broker } from "./support/broker";
import { expect, expectAccessible, test } from "./support/test";

const row = (page: Page, name: string) => page.getByRole("listitem", { name, exact: true });
const dialog = (page: Page) => page.getByRole("dialog");

test("without schedules the page says what one is; one is made, changed, paused and deleted @phone", async ({ page }) => {
  test.slow();
  const broker = await Broker.start();
  try {
    await page.goto(`${broker.site}/#token=${broker.token}&/schedules`);
    await expect(page.getByText("No schedules yet")).toBeVisible();
    await expectAccessible(page);
    await page.keyboard.press("n");
    await dialog(page).getByLabel("Name").fill("report");
    await dialog(page).getByLabel("Often used").selectOption("Monday to Friday at 09:00");
    await expect(dialog(page).getByLabel("Cron")).toHaveValue("0 9 * * 1-5");
    await dialog(page).getByLabel("Time zone").fill("Europe/Berlin");
    await dialog(page).getByRole("combobox", { name: "Handler" }).selectOption("demo/greet");
    await dialog(page).getByLabel("name string").fill("Ada");
    await dialog(page).getByLabel("While a job before is live").selectOption("is skipped");
    await dialog(page).getByLabel("Queue", { exact: true }).fill("mail");
    await expectAccessible(page);
    await dialog(page).getByRole("button", { name: "Create" }).click();
    await expect(row(page, "report")).toContainText("Europe/Berlin");
    await expect(row(page, "report")).toContainText(/Next\s*in \d+ [smhd].*09:00/);
    await expect(row(page, "report")).toContainText("none yet");
    expect(await broker.request("GET", "v1/schedules/report")).toMatchObject({
      cron: "0 9 * * 1-5", timezone: "Europe/Berlin", handler: "demo/greet", args: { name: "Ada" }, overlap: "skip", opts: { queue: "mail" },
    });
    await expectAccessible(page);

    await row(page, "report").getByRole("button", { name: "Edit report" }).click();
    await expect(dialog(page).getByLabel("name string")).toHaveValue("Ada");
    await dialog(page).getByLabel("Cron").fill("0 10 * * *");
    await dialog(page).getByRole("button", { name: "Save" }).click();
    await expect(row(page, "report")).toContainText("0 10 * * *");
    expect(await broker.request("GET", "v1/schedules/report")).toMatchObject({ args: { name: "Ada" }, opts: { queue: "mail" } });

    await row(page, "report").getByRole("button", { name: "Pause report" }).click();
    await expect(row(page, "report").getByText("paused", { exact: true })).toBeVisible();
    await row(page, "report").getByRole("button", { name: "Resume report" }).click();
    await expect(row(page, "report").getByText("paused", { exact: true })).toHaveCount(0);

    await row(page, "report").getByRole("button", { name: "More of report" }).click();
    await expect(row(page, "report").getByRole("heading", { name: "Lately" })).toBeVisible();
    await expectAccessible(page);
    await row(page, "report").getByRole("button", { name: "Delete report" }).click();
    await expectAccessible(page);
    await dialog(page).getByRole("button", { name: "Delete schedule" }).click();
    await expect(page.getByText("No schedules yet")).toBeVisible();
  } finally {
    await broker.stop();
  }
});

test("a tick's job is linked from the schedule, and the schedule from the job @phone", async ({ page, open, broker }, { project }) => {
  const name = `often-${project.name}`;
  await broker.request("PUT", `v1/schedules/${name}`, { cron: "* * * * * *", handler: "demo/greet", args: { name: "Ada" } });
  await open(`/schedules?text=${name}`);
  const last = row(page, name).getByRole("link", { name: `Last job of ${name}` });
  await expect(last).toContainText("succeeded");
  await broker.request("POST", `v1/schedules/${name}/pause`);
  await last.click();
  await expect(page.getByRole("heading", { level: 1, name: "demo/greet" })).toBeVisible();
  await page.getByRole("link", { name, exact: true }).click();
  await expect(row(page, name)).toContainText("paused");
  await row(page, name).getByRole("button", { name: `More of ${name}` }).click();
  await row(page, name).getByRole("link", { name: "All its jobs" }).click();
  await expect(page.getByRole("grid", { name: "Jobs" }).getByRole("row").filter({ hasText: "demo/greet" })).not.toHaveCount(0);
  expect(page.url()).toContain(`schedule=${name}`);
});

test("triggering submits a job at once, and says where", async ({ page, open, broker }) => {
  await broker.request("PUT", "v1/schedules/yearly", { cron: "@yearly", handler: "demo/greet", args: { name: "Ada" } });
  await open("/schedules?text=yearly");
  await row(page, "yearly").getByRole("button", { name: "Trigger yearly" }).click();
  await expect(page.getByText("A job of yearly was submitted")).toBeVisible();
  await expect(row(page, "yearly").getByRole("link", { name: "Last job of yearly" })).toContainText("succeeded");
  await page.getByRole("link", { name: "Show" }).click();
  await expect(page.getByRole("main")).toContainText("triggered");
});

test("mistakes are told at their fields @phone", async ({ page, open }) => {
  await open("/schedules?new=demo/add");
  await dialog(page).getByLabel("Name").fill("broken");
  await dialog(page).getByLabel("Cron").fill("61 * * * *");
  await dialog(page).getByRole("button", { name: "Create" }).click();
  await expect(dialog(page).getByLabel("x s32")).toHaveAccessibleDescription(/needs a whole number/);
  await dialog(page).getByLabel("x s32").fill("1");
  await dialog(page).getByLabel("y s32").fill("2");
  await dialog(page).getByRole("button", { name: "Create" }).click();
  await expect(dialog(page).getByLabel("Cron")).toHaveAttribute("aria-invalid", "true");
  await expect(dialog(page).getByRole("alert")).toContainText("Not saved");
  await expectAccessible(page);
  await dialog(page).getByLabel("Cron").fill("@daily");
  await dialog(page).getByLabel("Time zone").fill("Moon/Sea");
  await dialog(page).getByRole("button", { name: "Create" }).click();
  await expect(dialog(page).getByLabel("Time zone")).toHaveAttribute("aria-invalid", "true");
});

test("a filter finds schedules by name and by handler", async ({ page, open, broker }) => {
  for (const name of ["first-of-two", "second-of-two"]) await broker.request("PUT", `v1/schedules/${name}`, { cron: "@yearly", handler: "demo/greet", args: { name: "Ada" } });
  await open("/schedules");
  await page.getByRole("searchbox", { name: "Filter schedules" }).fill("first-of");
  await expect(row(page, "first-of-two")).toBeVisible();
  await expect(row(page, "second-of-two")).toHaveCount(0);
  await page.getByRole("searchbox", { name: "Filter schedules" }).fill("demo/greet");
  await expect(row(page, "second-of-two")).toBeVisible();
  await page.getByRole("searchbox", { name: "Filter schedules" }).fill("nothing");
  await expect(page.getByText("No schedule matches")).toBeVisible();
  await expectAccessible(page);
});
