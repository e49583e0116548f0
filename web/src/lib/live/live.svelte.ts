// The one connection of the console, as reactive state: its status, the broker's clock, and how old what we see is.

import { Client, type Identity, type Status } from "windlass";
import { forgetToken, keepToken, keptToken } from "./token";

/** Statistics come each second; without any for so long, what is shown is old. */
const FRESH_MILLIS_MAX = 5_000;

class Live {
  status = $state<"connecting" | "open" | "lost" | "denied">("connecting");
  /** The broker's time, ticking once a second. */
  now = $state(Date.now());
  identity = $state.raw<Identity>();
  /** When something was heard of the broker last, in its time. */
  heardAt = $state(0);
  /** Why there is no connection. */
  reason = $state("");
  /** What is shown may no longer be so. */
  stale = $derived(this.status !== "open" || (this.heardAt > 0 && this.now - this.heardAt > FRESH_MILLIS_MAX));

  #client: Client | undefined;
  #skew = 0;

  get client(): Client {
    if (this.#client === undefined) throw new Error("the client is used before there is a token");
    return this.#client;
  }

  get connected(): boolean {
    return this.#client !== undefined;
  }

  start(): void {
    setInterval(() => this.#tick(), 1_000);
    addEventListener("online", () => this.status === "lost" && this.client.reconnect());
    const token = keptToken();
    if (token === null) this.status = "denied";
    else this.#connect(token);
  }

  /** Connects with a token typed in. */
  authenticate(token: string): void {
    keepToken(token);
    if (this.#client === undefined) this.#connect(token);
    else this.#client.reconnect(token);
  }

  signOut(): void {
    forgetToken();
    location.reload();
  }

  /** Something arrived; `at` is the broker's time if it said so. */
  heard(at?: string): void {
    if (at !== undefined) {
      const skew = Date.parse(at) - Date.now();
      if (Math.abs(skew - this.#skew) > 1_000) this.#skew = skew;
    }
    this.#tick();
    this.heardAt = this.now;
  }

  #tick(): void {
    this.now = Date.now() + this.#skew;
  }

  #connect(token: string): void {
    this.#client = new Client({ url: location.href, token, name: "console" });
    this.#client.onStatus((status) => this.#became(status));
    this.#became(this.#client.status);
  }

  #became(status: Status): void {
    const client = this.client;
    this.reason = client.reason;
    this.identity = client.identity;
    this.status = status === "closed" ? "lost" : status;
    if (status === "open") this.heard();
  }
}

export const live = new Live();
