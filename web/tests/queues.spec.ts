// The queues: how deep they are, and pausing, limiting and purging them as the broker answers it.
import type { Page } from "@playwright/test";
import { expect, expectAccessible, test } from "./support/test";

const row = (page: Page, name: string) => page.getByRole("row").filter({ has: page.getByRole("link", { name, exact: true }) });

test("a queue is paused, limited, purged and resumed @phone", async ({ page, open, broker }, { project }) => {
  const name = `mail-${project.name}`;
  await broker.request("POST", `v1/queues/${name}/pause`);
  const first = await broker.submit("demo/greet", { name: "Ada" }, { queue: name });
  await broker.submit("demo/greet", { name: "Bob" }, { queue: name, after: [first] });
  await broker.submit("demo/greet", { name: "Cleo" }, { queue: name, delay: "1h" });
  await open(`/queues?text=${name}`);
  const mail = row(page, name);
  await expect(mail.getByText("paused")).toBeVisible();
  for (const [column, depth] of [[1, "1"], [2, "1"], [3, "1"], [4, "0"]] as const) await expect(mail.getByRole("cell").nth(column)).toHaveText(depth);
  await expectAccessible(page);

  await mail.getByRole("button", { name: `Limits of ${name}` }).click();
  const limits = page.getByRole("dialog", { name: `Limits of ${name}` });
  await limits.getByLabel("Jobs that start").first().fill("0");
  await limits.getByRole("button", { name: "Set limits" }).click();
  await expect(limits.getByRole("alert")).toContainText("/rate/count");
  await expectAccessible(page);
  await limits.getByLabel("Jobs that run at once").first().fill("4");
  await limits.getByLabel("Jobs that start").first().fill("10");
  await limits.getByLabel("Tag").fill("customer");
  await limits.getByLabel("Jobs that run at once").last().fill("1");
  await limits.getByRole("button", { name: "Set limits" }).click();
  await expect(mail).toContainText("4 at once, 10 per 1s; each customer: 1 at once");
  expect(await broker.request("GET", `v1/queues/${name}`)).toMatchObject({ concurrency: 4, rate: { count: 10, per: "1s" }, per_tag: { tag: "customer", concurrency: 1 } });

  await mail.getByRole("button", { name: `Purge ${name}` }).click();
  const purge = page.getByRole("dialog", { name: `Purge ${name}?` });
  await expect(purge).toContainText("1 scheduled, 1 blocked, 1 ready");
  await expectAccessible(page);
  await purge.getByRole("button", { name: "Cancel 3 jobs" }).click();
  await expect(page.getByText(`3 jobs of ${name} cancelled`)).toBeVisible();
  await expect(mail.getByRole("cell").nth(3)).toHaveText("0");

  await mail.getByRole("button", { name: `Resume ${name}` }).click();
  await expect(mail.getByRole("button", { name: `Pause ${name}` })).toBeVisible();
  expect(await broker.request("GET", `v1/queues/${name}`)).toMatchObject({ paused: false });
});

test("what others do to a queue is seen without loading again", async ({ page, open, broker }) => {
  await broker.request("POST", "v1/queues/others/limit", { concurrency: 1 });
  await open("/queues");
  await expect(row(page, "others")).toContainText("1 at once");
  await broker.request("POST", "v1/queues/others/pause");
  await expect(row(page, "others").getByText("paused")).toBeVisible();
  await page.getByRole("searchbox", { name: "Filter queues" }).fill("no such queue");
  await expect(page.getByText("No queue matches")).toBeVisible();
  await expectAccessible(page);
});
