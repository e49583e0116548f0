// The Run page: forms for every type, JSON beside them, calls and jobs with their results in place.
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Page } from "@playwright/test";
import { PNG } from "./support/components";
import { expect, expectAccessible, test } from "./support/test";

const json = (page: Page) => page.getByLabel("Arguments as JSON");
const result = (page: Page) => page.getByRole("region", { name: "Result", exact: true });
const call = (page: Page) => page.getByRole("button", { name: "Call", exact: true });

test("a handler is chosen, its form filled in, the result comes in place @phone", async ({ page, open }) => {
  await open("/run");
  await expectAccessible(page);
  await page.getByRole("combobox", { name: "Handler" }).selectOption("demo/add");
  await page.getByLabel("x s32").fill("10");
  await page.getByLabel("y s32").fill("20");
  await call(page).click();
  await expect(result(page)).toContainText("30");
  await expectAccessible(page);
});

/** What is filled in below, as JSON. */
const EVERYTHING = {
  boolean: true, int8: -128, uint8: 255, int16: -32768, uint16: 65535, int32: -2147483648, uint32: 4294967295,
  int64: "-9223372036854775808", uint64: "18446744073709551615", float32: 0.5, float64: "-Infinity", character: "é",
  text: "two\nlines", bytes: "AAH/", names: ["last", "first"], pair: ["one", 1], maybe: 7, outcome: { err: "no" },
  shape: { case: "polygon", value: [{ x: 1, y: 2 }] }, colour: "blue", style: ["dashed", "shadowed"],
};

test("a value of every type goes through the form and comes back @phone", async ({ page, open }) => {
  await open("/run/demo/shapes.everything");
  await page.getByLabel("boolean bool").check();
  for (const name of ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64", "character", "text"] as const) {
    await page.getByLabel(new RegExp(`^${name} `)).fill(String(EVERYTHING[name]));
  }
  await page.getByLabel("File for bytes", { exact: true }).setInputFiles({ name: "b", mimeType: "", buffer: Buffer.from([0, 1, 255]) });
  await page.getByRole("button", { name: "Add to names" }).click();
  await page.getByLabel("names 1", { exact: true }).fill("first");
  await page.getByRole("button", { name: "Add to names" }).click();
  await page.getByLabel("names 2", { exact: true }).fill("last");
  await page.getByRole("button", { name: "Move names 2 up" }).click();
  await page.getByRole("button", { name: "Add to names" }).click();
  await page.getByRole("button", { name: "Remove names 3" }).click();
  const pair = page.getByRole("group", { name: /^pair / });
  await pair.getByLabel(/^1 /).fill("one");
  await pair.getByLabel(/^2 /).fill("1");
  await page.getByLabel(/^maybe /).check();
  await page.getByLabel("maybe", { exact: true }).fill("7");
  await page.getByLabel("outcome: case").selectOption("err");
  await page.getByLabel("outcome: err").fill("no");
  await page.getByLabel("shape: case").selectOption("polygon");
  await page.getByRole("button", { name: "Add to shape: polygon" }).click();
  await page.getByLabel("x f64").fill("1");
  await page.getByLabel("y f64").fill("2");
  await page.getByLabel(/^colour /).selectOption("blue");
  await page.getByLabel("dashed").check();
  await page.getByLabel("shadowed").check();
  expect(JSON.parse(await json(page).inputValue())).toEqual({ v: EVERYTHING });
  await expectAccessible(page);

  await call(page).click();
  await result(page).getByRole("button", { name: "Text" }).click();
  const text = await result(page).locator("pre").innerText();
  expect(JSON.parse(text)).toEqual(EVERYTHING);
});

test("the form and its JSON follow each other", async ({ page, open }) => {
  await open("/run/demo/shapes.scale");
  await json(page).fill('{"shape": {"case": "rectangle", "value": {"width": 2, "height": 3}}, "factor": 4}');
  await expect(page.getByLabel("height f64")).toHaveValue("3");
  await page.getByLabel("height f64").fill("3.50");
  await expect(json(page)).toHaveValue(/"height": 3\.50/);
  await json(page).fill('{"shape": ');
  await expect(page.getByRole("alert")).toContainText("line 1, column 11");
  await expect(call(page)).toBeEnabled();
  await call(page).click();
  await expect(result(page)).toContainText("appears here");
});

test("mistakes are told at their fields, the broker's too @phone", async ({ page, open }) => {
  test.slow();
  await open("/run/demo/shapes.scale");
  await call(page).click();
  await expect(page.getByLabel("factor f64")).toHaveAccessibleDescription("needs a number, NaN, Infinity or -Infinity");
  await expect(page.getByLabel("shape: circle")).toBeFocused();
  await expectAccessible(page);
  await json(page).fill('{"shape": {"case": "oval"}, "factor": 1}');
  await call(page).click();
  await expect(page.getByRole("alert")).toContainText("/args/shape/case");
  await expect(page.getByRole("group", { name: /^shape / })).toHaveAccessibleDescription(/there is no case oval/);
  await expectAccessible(page);
});

test("options the broker refuses are told at their fields", async ({ page, open }) => {
  await open("/run/demo/spin");
  await page.getByLabel("Timeout").fill("soon");
  await call(page).click();
  await expect(page.getByLabel("Timeout")).toHaveAccessibleDescription(/soon/);
});

test("a call that goes on can be stopped, which frees its slot", async ({ page, open, broker }) => {
  await open("/run/demo/spin");
  await call(page).click();
  await expect(result(page)).toContainText("Waiting for the result");
  await expect.poll(async () => (await broker.request<{ calls: { running: number } }>("GET", "v1/stats")).calls.running).toBe(1);
  await page.getByRole("button", { name: "Stop" }).click();
  await expect(result(page)).toContainText("appears here");
  await expect.poll(async () => (await broker.request<{ calls: { running: number } }>("GET", "v1/stats")).calls.running).toBe(0);
});

test("a job is submitted with its options and followed to its result @phone", async ({ page, open, broker }) => {
  await open("/run/demo/greet");
  await page.getByLabel("name string").fill("Ada");
  await page.getByText("Submit job").click();
  await page.getByLabel("Queue", { exact: true }).fill("mail");
  await page.getByLabel("Priority").fill("7");
  await page.getByLabel("Tags").fill("customer = acme");
  await page.getByRole("button", { name: "Submit", exact: true }).click();
  const job = page.getByRole("region", { name: "Job" });
  await expect(job).toContainText("succeeded");
  await expect(job).toContainText("Hello, Ada");
  const id = await job.getByRole("link").innerText();
  expect(await broker.request("GET", `v1/jobs/${id}`)).toMatchObject({ queue: "mail", priority: 7, tags: { customer: "acme" } });
  await expectAccessible(page);
});

test("a job is held, ordered after another and bound to a version @phone", async ({ page, open, broker }) => {
  const before = await broker.submit("demo/greet", { name: "Ada" }, { hold: true });
  const { active } = await broker.request<{ active: string }>("GET", "v1/plugins/demo");
  await open("/run/demo/greet");
  await page.getByLabel("name string").fill("Bob");
  await page.getByText("Submit job").click();
  await page.getByLabel("Version").selectOption(active);
  await page.getByText("More options").click();
  await page.getByLabel("Hold it until it is released").check();
  await page.getByLabel("After jobs").fill(before);
  await page.getByLabel("Which ends count").selectOption("ended");
  await page.getByLabel("Serial key").fill("ada");
  await page.getByLabel("Queue timeout").fill("soon");
  await page.getByRole("button", { name: "Submit", exact: true }).click();
  await expect(page.getByLabel("Queue timeout")).toHaveAccessibleDescription(/soon/);
  await expectAccessible(page);
  await page.getByLabel("Queue timeout").fill("2h");
  await page.getByRole("button", { name: "Submit", exact: true }).click();
  const job = page.getByRole("region", { name: "Job" });
  await expect(job).toContainText("blocked");
  const id = await job.getByRole("link").innerText();
  expect(await broker.request("GET", `v1/jobs/${id}`)).toMatchObject({
    held: true, after: { jobs: [before], need: "all", ended: "finished" }, serial_key: "ada", queue_timeout_millis: 7_200_000, version: active,
  });
});

test("a job that fails tells why", async ({ page, open }) => {
  await open("/run/demo/panic");
  await page.getByLabel("message string").fill("the disk is full");
  await page.getByText("Submit job").click();
  await page.getByRole("button", { name: "Submit", exact: true }).click();
  await expect(page.getByRole("alert")).toContainText("unreachable");
  await page.getByText(/frames of the guest/).click();
  await expect(page.getByRole("listitem").filter({ hasText: "panic" }).first()).toBeVisible();
  await expectAccessible(page);
});

test("an error of the handler is shown with its value", async ({ page, open }) => {
  await open("/run/demo/divide");
  await page.getByLabel("a f64").fill("1");
  await page.getByLabel("b f64").fill("0");
  await page.keyboard.press("Control+Enter");
  await expect(page.getByRole("alert")).toContainText("handler_error");
  await expect(page.getByRole("alert").getByRole("treeitem").filter({ hasText: "case" })).toContainText("by-zero");
});

test("bytes go in by file and come out as the image they are", async ({ page, open }) => {
  await open("/run/demo/echo");
  await page.getByLabel("File for bytes", { exact: true }).setInputFiles({ name: "dot.png", mimeType: "image/png", buffer: PNG });
  await call(page).click();
  await expect(page.getByRole("img", { name: "result, shown as an image" })).toBeVisible();
  await expect(result(page)).toContainText("image/png");
  await expect(result(page)).toContainText("1 × 1");
  await page.getByText("Hex", { exact: true }).click();
  await expect(result(page)).toContainText("00000000  89 50 4e 47");
  await expectAccessible(page);
});

test("a form is filled in like a job was, with every digit", async ({ page, open, broker }) => {
  const answer = await fetch(`${broker.url}/v1/jobs`, {
    method: "POST",
    headers: { Authorization: `Bearer ${broker.token}` },
    body: '{"handler":"demo/sleep","args":{"millis":18446744073709551615},"opts":{"queue":"slow","delay":"1h"}}',
  });
  const { job } = (await answer.json()) as { job: string };
  await open(`/run/demo/sleep?from=${job}`);
  await expect(page.getByLabel("millis u64")).toHaveValue("18446744073709551615");
  await expect(json(page)).toHaveValue('{"millis":18446744073709551615}');
  await expect(page.getByLabel("Queue", { exact: true })).toHaveValue("slow");
  await expect(page.getByRole("link", { name: job })).toBeVisible();
});

test("the tree of a value is walked by keyboard", async ({ page, open }) => {
  await open("/run/demo/shapes.scale");
  await json(page).fill('{"shape":{"case":"polygon","value":[{"x":1,"y":2}]},"factor":1}');
  await call(page).click();
  const items = page.getByRole("treeitem");
  await expect(items).toHaveCount(6);
  await items.first().focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await expect(items.nth(2)).toBeFocused();
  await page.keyboard.press("ArrowLeft");
  await expect(items).toHaveCount(3);
  await page.keyboard.press("ArrowRight");
  await expect(items).toHaveCount(6);
  await expectAccessible(page);
});

test("the recipes do the same from elsewhere", async ({ page, open, broker }) => {
  await open("/run/demo/greet");
  await page.getByLabel("name string").fill("O'Hara \"$HOME\" `x`");
  const env = { ...process.env, WINDLASS_TOKEN: broker.token };
  const recipe = () => page.getByRole("tabpanel").locator("pre").innerText();
  const curl = await promisify(execFile)("bash", ["-c", await recipe()], { env });
  expect(JSON.parse(curl.stdout)).toBe("Hello, O'Hara \"$HOME\" `x`!");
  await page.getByRole("tab", { name: "Python" }).click();
  const python = await promisify(execFile)("python3", ["-c", await recipe()], { env });
  expect(python.stdout.trim()).toBe("Hello, O'Hara \"$HOME\" `x`!");
});
