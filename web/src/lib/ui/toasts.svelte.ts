// Short notes about what was just done; failures stay until they are dismissed.

export interface Toast {
  id: number;
  tone: "ok" | "bad";
  text: string;
  /** Where to look at what was done. */
  href?: string;
}

const TOASTS_MAX = 4;
const SHOWN_MILLIS = 5_000;

class Toasts {
  items = $state.raw<Toast[]>([]);
  #last = 0;

  ok(text: string, href?: string): void {
    const id = this.#add({ tone: "ok", text, ...(href === undefined ? {} : { href }) });
    setTimeout(() => this.dismiss(id), SHOWN_MILLIS);
  }

  failed(error: unknown): void {
    this.#add({ tone: "bad", text: error instanceof Error ? error.message : String(error) });
  }

  dismiss(id: number): void {
    this.items = this.items.filter((toast) => toast.id !== id);
  }

  #add(toast: Omit<Toast, "id">): number {
    this.#last += 1;
    this.items = [...this.items.slice(-(TOASTS_MAX - 1)), { ...toast, id: this.#last }];
    return this.#last;
  }
}

export const toasts = new Toasts();
