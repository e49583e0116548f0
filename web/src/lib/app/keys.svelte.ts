// The keyboard map: global keys here, a page's own keys while it is shown. Nothing fires while one types.

import { navigation } from "./routes";
import { router } from "./router.svelte";
import { theme } from "./theme.svelte";

export interface Key {
  /** As `KeyboardEvent.key` says it; `g j` is one after the other. */
  key: string;
  title: string;
  run: (event: KeyboardEvent) => void;
}

class Keys {
  palette = $state(false);
  help = $state(false);
  /** The keys of the page shown. */
  local = $state.raw<Key[]>([]);
  #leader: string | undefined;
  #leaderEnds: ReturnType<typeof setTimeout> | undefined;

  readonly global: Key[] = [
    { key: "Ctrl K", title: "Command palette", run: () => (this.palette = true) },
    { key: "/", title: "Search", run: () => this.search() },
    { key: "?", title: "Keyboard help", run: () => (this.help = true) },
    { key: "t", title: "Theme: system, light, dark", run: () => theme.next() },
    ...navigation.map(({ key, title, pattern }) => ({ key: `g ${key}`, title: `Go to ${title}`, run: () => router.go(pattern) })),
  ];

  press = (event: KeyboardEvent): void => {
    if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") {
      event.preventDefault();
      this.help = false;
      this.palette = !this.palette;
      return;
    }
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || busy(event)) return;
    const pressed = this.#leader === undefined ? event.key : `${this.#leader} ${event.key}`;
    this.#lead(this.#leader === undefined && event.key === "g" ? "g" : undefined);
    const found = [...this.local, ...this.global].find(({ key }) => key === pressed);
    if (!found) return;
    event.preventDefault();
    found.run(event);
  };

  /** A page's search field if it has one, else the palette. */
  search(): void {
    const field = document.querySelector<HTMLInputElement>("main input[type=search]");
    if (field) field.focus();
    else this.palette = true;
  }

  #lead(leader: string | undefined): void {
    clearTimeout(this.#leaderEnds);
    this.#leader = leader;
    if (leader) this.#leaderEnds = setTimeout(() => (this.#leader = undefined), 1_500);
  }
}

/** Whether the key belongs to a field, a dialog, or what it would press. */
function busy(event: KeyboardEvent): boolean {
  const target = event.target as HTMLElement;
  if (event.key === "Enter" && target.closest("a, button, summary")) return true;
  return target.isContentEditable || target.closest("input:not([type=checkbox]), textarea, select, dialog") !== null;
}

export const keys = new Keys();

/** A page's keys while the component that calls this is shown. */
export function pageKeys(own: Key[]): void {
  $effect(() => {
    keys.local = own;
    return () => (keys.local = []);
  });
}
