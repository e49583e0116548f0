// Package `windlass`: a client for the broker, for browsers and Node. Start with `Client`.

export { Client, type ClientOptions, type RequestOptions, type Status } from "./client.ts";
export { memberText } from "./frames.ts";
export { ConnectionLost, Refused, type Problem } from "./problem.ts";
export type { Subscription, SubscriptionHandlers, Topic } from "./subscription.ts";
export type * from "./views.ts";
