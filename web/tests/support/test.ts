// The fixture of the browser tests: a broker for each worker, a page that must log no error, a check by axe.
import { AxeBuilder } from "@axe-core/playwright";
import { expect, test as base, type Page } from "@playwright/test";
import { Broker } from "./broker";

interface Fixtures {
  /** Opens a page of the console, signed in. */
  open: (path?: string) => Promise<void>;
}

export const test = base.extend<Fixtures, { broker: Broker }>({
  broker: [
    async ({}, use) => {
      const broker = await Broker.start();
      await use(broker);
      await broker.stop();
    },
    { scope: "worker" },
  ],
  page: async ({ page }, use) => {
    const errors: string[] = [];
    page.on("pageerror", (error) => errors.push(error.message));
    page.on("console", (message) => {
      const expected = /WebSocket connection|net::ERR_CONNECTION|status of 422/.test(message.text());
      if (message.type() === "error" && !expected) errors.push(message.text());
    });
    await use(page);
    expect(errors, "errors in the browser's console").toEqual([]);
  },
  open: async ({ page, broker }, use) => {
    await use(async (path = "/") => {
      await page.goto("about:blank");
      await page.goto(`${broker.site}/#token=${broker.token}&${path}`);
      await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    });
  },
});

export { expect };

/** axe finds nothing, in light and dark. */
export async function expectAccessible(page: Page): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme });
    await expect(page.locator(`html[data-theme=${colorScheme}]`)).toHaveCount(1);
    const { violations } = await new AxeBuilder({ page }).analyze();
    const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join("; ")}`);
    expect(told, `axe in ${colorScheme}`).toEqual([]);
  }
}
