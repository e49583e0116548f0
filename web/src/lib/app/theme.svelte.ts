// Light or dark, as the system says or as chosen; contrast as the system says.

export type ThemeChoice = "system" | "light" | "dark";

const KEY = "windlass.theme";
const dark = matchMedia("(prefers-color-scheme: dark)");
const contrast = matchMedia("(prefers-contrast: more)");

class Theme {
  choice = $state<ThemeChoice>("system");
  /** What is shown now. */
  shown = $state<"light" | "dark">("light");
  /** Grows when colours change, for what draws on a canvas. */
  revision = $state(0);

  start(): void {
    const kept = localStorage.getItem(KEY);
    if (kept === "light" || kept === "dark") this.choice = kept;
    dark.addEventListener("change", () => this.#apply());
    contrast.addEventListener("change", () => this.#apply());
    this.#apply();
  }

  choose(choice: ThemeChoice): void {
    this.choice = choice;
    if (choice === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, choice);
    this.#apply();
  }

  /** The next of system, light, dark. */
  next(): void {
    this.choose(this.choice === "system" ? "light" : this.choice === "light" ? "dark" : "system");
  }

  #apply(): void {
    this.shown = this.choice === "system" ? (dark.matches ? "dark" : "light") : this.choice;
    document.documentElement.dataset.theme = this.shown;
    if (contrast.matches) document.documentElement.dataset.contrast = "more";
    else delete document.documentElement.dataset.contrast;
    this.revision += 1;
  }
}

export const theme = new Theme();
