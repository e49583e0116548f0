// Plugins: from a file to a handler that runs, back to the version before, and refusals people can read.
import { readFile } from "node:fs/promises";
import { component } from "./support/components";
import { expect, expectAccessible, test } from "./support/test";

test("upload, form, run, result, rollback @phone", async ({ page, open }, { project }) => {
  test.slow();
  const name = `mine-${project.name}`;
  await open("/plugins");
  await expectAccessible(page);
  await page.getByRole("button", { name: "Upload" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Component file").setInputFiles(component("demo"));
  await expect(dialog.getByLabel("Plugin name")).toHaveValue("plugin-demo");
  await dialog.getByLabel("Plugin name").fill(name);
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Upload" }).click();
  await expect(dialog.getByRole("status")).toContainText("is active");
  await expectAccessible(page);

  await dialog.getByRole("link", { name: `${name}/add` }).click();
  await page.getByLabel("x s32").fill("1");
  await page.getByLabel("y s32").fill("2");
  await page.getByRole("button", { name: "Call", exact: true }).click();
  await expect(page.getByRole("region", { name: "Result", exact: true })).toContainText("3");

  await open(`/plugins/${name}`);
  await expect(page.getByRole("button", { name: "Roll back" })).toHaveCount(0);
  await page.getByRole("button", { name: "Upload version" }).click();
  await dialog.getByLabel("Component file").setInputFiles(component("thumbnail"));
  await dialog.getByRole("button", { name: "Upload" }).click();
  await dialog.getByRole("button", { name: "Done" }).click();
  await expect(page.getByRole("button", { name: "Types of thumbnail" })).toBeVisible();

  await page.getByRole("button", { name: "Roll back" }).click();
  await expectAccessible(page);
  await page.getByRole("dialog").getByRole("button", { name: "Roll back" }).click();
  await expect(page.getByRole("button", { name: "Types of add" })).toBeVisible();
  const versions = page.getByRole("region", { name: "Versions" }).getByRole("listitem");
  await expect(versions.last()).toContainText("active");
  await versions.first().getByRole("button", { name: /^Activate/ }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Activate" }).click();
  await expect(page.getByRole("button", { name: "Types of thumbnail" })).toBeVisible();
});

test("a file that is no component is refused with the rule and the place @phone", async ({ page, open }) => {
  await open("/plugins?upload");
  const dialog = page.getByRole("dialog", { name: "Upload a plugin" });
  const broken = Buffer.from(await readFile(component("demo")));
  broken.fill(0xff, 40, 60);
  await dialog.getByLabel("Component file").setInputFiles({ name: "Broken Thing.wasm", mimeType: "application/wasm", buffer: broken });
  await expect(dialog.getByLabel("Plugin name")).toHaveValue("broken-thing");
  await dialog.getByRole("button", { name: "Upload" }).click();
  await expect(dialog.getByRole("alert")).toContainText("plugin_rejected");
  await expect(dialog.getByRole("alert")).toContainText("rule invalid");
  await expect(dialog.getByRole("alert")).toContainText("at byte");
  await expectAccessible(page);
});

test("a name that no plugin may have cannot be sent", async ({ page, open }) => {
  await open("/plugins?upload");
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Component file").setInputFiles(component("demo"));
  await dialog.getByLabel("Plugin name").fill("Mine");
  await expect(dialog.getByLabel("Plugin name")).toHaveAccessibleDescription(/begins with a small letter/);
  await expect(dialog.getByRole("button", { name: "Upload" })).toBeDisabled();
  await dialog.getByLabel("Plugin name").fill("demo");
  await expect(dialog.getByLabel("Plugin name")).toHaveAccessibleDescription(/gets a new version/);
});

test("a file dropped on the page is taken up", async ({ page, open }) => {
  await open("/plugins");
  const files = await page.evaluateHandle(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(["no component"], "dropped.wasm"));
    return transfer;
  });
  await page.dispatchEvent("main", "dragenter", { dataTransfer: files });
  await expect(page.getByText("Drop to upload")).toBeVisible();
  await page.dispatchEvent("main", "drop", { dataTransfer: files });
  await expect(page.getByRole("dialog").getByLabel("Plugin name")).toHaveValue("dropped");
  await expect(page.getByText("Drop to upload")).toHaveCount(0);
});

test("a plugin's page shows types, schemas and imports @phone", async ({ page, open }) => {
  await open("/plugins/demo");
  await page.getByLabel("Filter handlers").fill("descr");
  await expect(page.getByRole("button", { name: /^Types of / })).toHaveCount(1);
  await page.getByRole("button", { name: "Types of shapes.describe" }).click();
  const handlers = page.getByRole("region", { name: "Handlers" });
  await expect(handlers.locator("pre").first()).toContainText("rectangle(record { width: f64, height: f64 })");
  await expect(page.getByRole("tree", { name: "schema of the arguments" })).toContainText("additionalProperties");
  await expect(page.getByRole("region", { name: "Imports" })).toContainText("wasi:clocks/monotonic-clock");
  await expectAccessible(page);
  await page.getByRole("link", { name: "Run shapes.describe" }).click();
  await expect(page.getByRole("combobox", { name: "Handler" })).toHaveValue("demo/shapes.describe");
});

test("a plugin that is not there is told", async ({ page, open }) => {
  await open("/plugins/nothing");
  await expect(page.getByText("There is no plugin nothing")).toBeVisible();
  await expectAccessible(page);
});
