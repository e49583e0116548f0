// Subscriptions: what to watch and who is told; the client opens them again on every new connection.

/** What can be watched. */
export type Topic = "job" | "jobs" | "stats" | "plugins" | "connections" | "workers";

/** Who is told. */
export interface SubscriptionHandlers<T> {
  /** Something changed. `seq` grows over all events of the broker; 0 is how things are now. */
  event(data: T, seq: number): void;
  /** Events were missed, so many or (after a new connection) an unknown number: look again. */
  gap?(missed: number | null): void;
  /** The broker refused the subscription. It is over. */
  refused?(error: Error): void;
}

/** A subscription; `close` ends it. */
export interface Subscription {
  close(): void;
}

/** What the client knows of a subscription. `sub` is its number on the present connection. */
export interface Open {
  topic: Topic;
  params: Record<string, unknown>;
  handlers: SubscriptionHandlers<unknown>;
  sub: number | undefined;
  opened: boolean;
  closed: boolean;
}
