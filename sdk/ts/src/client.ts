// The client: one connection that is opened again when it breaks, with requests and subscriptions that outlive it.

import { Connection, type End } from "./connection.ts";
import { memberText, type Frame } from "./frames.ts";
import { ConnectionLost, Refused } from "./problem.ts";
import type { Open, Subscription, SubscriptionHandlers, Topic } from "./subscription.ts";
import type {
  BulkAction, BulkAnswer, CallOptions, ConnectionView, Filter, Identity, Job, JobQuery, JobStatus, Page, Plugin, Queue,
  QueueLimits, QueuePurge, Schedule, ScheduleOptions, SchedulePage, Stats, SubmitOptions, Worker,
} from "./views.ts";

const RECONNECT_MILLIS_MIN = 250;
const RECONNECT_MILLIS_MAX = 5_000;
const REQUESTS_WAITING_MAX = 1_000;

/** Ops that may be asked twice, so a new connection asks again what the old one did not answer. */
const REPEATABLE = new Set([
  "connection.list", "identity", "job.cancel", "job.get", "job.logs", "job.query", "job.result", "job.wait", "ping",
  "plugin.get", "plugin.list", "queue.get", "queue.limit", "queue.list", "queue.pause", "queue.resume",
  "schedule.get", "schedule.list", "schedule.pause", "schedule.put", "schedule.resume", "session.ops", "stats.get", "worker.list",
]);

/** `denied` and `closed` stay so until `authenticate`; `lost` and `connecting` end by themselves. */
export type Status = "connecting" | "open" | "lost" | "denied" | "closed";

export interface ClientOptions {
  /** The broker's base, `http://127.0.0.1:7878/`. A path before `v1/` is kept. */
  url: string | URL;
  token: string;
  /** Default `0`. */
  channel?: string;
  /** How this client is called in the list of connections. */
  name?: string;
  /** For a Node without a global `WebSocket`. */
  webSocket?: typeof WebSocket;
}

export interface RequestOptions {
  /** Stops waiting; a call is stopped in the broker too. */
  signal?: AbortSignal;
}

interface Pending {
  id: number;
  op: string;
  text: string;
  sent: boolean;
  /** Runs as the answer arrives, before any frame behind it. */
  resolve(frame: Frame, text: string): void;
  reject(error: Error): void;
}

export class Client {
  #options: ClientOptions;
  #connection: Connection | undefined;
  #status: Status = "connecting";
  #reason = "";
  #identity: Identity | undefined;
  #listeners = new Set<(status: Status) => void>();
  #pending = new Map<number, Pending>();
  #subscriptions = new Set<Open>();
  #bySub = new Map<number, Open>();
  #lastId = 0;
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#connect();
  }

  get status(): Status {
    return this.#status;
  }

  /** Why the last connection ended. */
  get reason(): string {
    return this.#reason;
  }

  /** What answered the last hello. */
  get identity(): Identity | undefined {
    return this.#identity;
  }

  get token(): string {
    return this.#options.token;
  }

  /** The URL of an HTTP endpoint, such as `v1/plugins/math`. */
  endpoint(path: string): URL {
    return new URL(path, base(this.#options.url));
  }

  /** A request over HTTP with this client's token and channel. */
  fetch(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    headers.set("Authorization", `Bearer ${this.#options.token}`);
    if (this.#options.channel !== undefined) headers.set("Windlass-Channel", this.#options.channel);
    return fetch(this.endpoint(path), { ...init, headers });
  }

  /** Is told each new status; answers how to stop that. */
  onStatus(listener: (status: Status) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Waits until the broker has answered a hello. */
  ready(): Promise<Identity> {
    return this.request<Identity>("identity");
  }

  /** Connects now, with another token if one is given. */
  reconnect(token?: string): void {
    if (token !== undefined) this.#options = { ...this.#options, token };
    clearTimeout(this.#timer);
    this.#failures = 0;
    const old = this.#connection;
    this.#connection = undefined;
    old?.close();
    this.#forget();
    this.#connect();
  }

  /** Ends the connection; what is waiting fails. */
  close(): void {
    clearTimeout(this.#timer);
    const old = this.#connection;
    this.#connection = undefined;
    old?.close();
    for (const pending of this.#pending.values()) pending.reject(new ConnectionLost(pending.op));
    this.#pending.clear();
    this.#forget();
    this.#become("closed");
  }

  /** Asks the broker; `params` are the op's. Without a connection it waits for one. */
  request<T>(op: string, params: object = {}, options: RequestOptions = {}): Promise<T> {
    return this.#ask(op, params, options, (frame) => {
      if (frame.op === "accepted") return frame.job as T;
      return (frame as { value: unknown }).value as T;
    });
  }

  /** As `request`, but answers the value's JSON text, with every digit the broker sent. */
  requestText(op: string, params: object = {}, options: RequestOptions = {}): Promise<string> {
    return this.#ask(op, params, options, (_, text) => memberText(text, "value") ?? "null");
  }

  /** Runs a handler now and answers its value. */
  call<T = unknown>(handler: string, args: unknown = {}, opts: CallOptions = {}, options: RequestOptions = {}): Promise<T> {
    return this.request<T>(handler, { args, opts }, options);
  }

  /** Submits a job and answers its id once it is durable. */
  submit(handler: string, args: unknown = {}, opts: SubmitOptions = {}): Promise<string> {
    return this.request<string>("job.submit", { handler, args, opts });
  }

  /** Waits for a job's result; `timeout` is your patience, default without end. */
  wait<T = unknown>(job: string, timeout: string | number = "never", options: RequestOptions = {}): Promise<T> {
    return this.request<T>("job.wait", { job, timeout }, options);
  }

  job(job: string): Promise<Job> {
    return this.request<Job>("job.get", { job });
  }

  /** The states of up to 1000 jobs, in their order, also of those that are gone. */
  async statuses(jobs: string[]): Promise<JobStatus[]> {
    return (await this.request<{ items: JobStatus[] }>("job.status", { jobs })).items;
  }

  /** Forgets a final job with everything that is kept of it. */
  purge(job: string): Promise<{ job: string }> {
    return this.request("job.purge", { job });
  }

  logs(job: string): Promise<string> {
    return this.request<string>("job.logs", { job });
  }

  cancel(job: string): Promise<{ job: string; state: string }> {
    return this.request("job.cancel", { job });
  }

  /** Lets a held job go on. */
  release(job: string): Promise<{ job: string }> {
    return this.request("job.release", { job });
  }

  /** Submits a final job again; answers the id of the new job. */
  retry(job: string): Promise<string> {
    return this.request<string>("job.retry", { job });
  }

  query(query: JobQuery, options: RequestOptions = {}): Promise<Page<Job>> {
    return this.request<Page<Job>>("job.query", query, options);
  }

  /** Does something to all jobs a filter matches that it can be done to; with `dryRun` only counts them. */
  bulk(filter: Filter, action: BulkAction, dryRun = false): Promise<BulkAnswer> {
    return this.request<BulkAnswer>("job.bulk", { filter, action, dry_run: dryRun });
  }

  async queues(): Promise<Queue[]> {
    return (await this.request<{ items: Queue[] }>("queue.list")).items;
  }

  queue(queue: string): Promise<Queue> {
    return this.request<Queue>("queue.get", { queue });
  }

  /** None of its jobs starts until it is resumed. */
  pauseQueue(queue: string): Promise<Queue> {
    return this.request<Queue>("queue.pause", { queue });
  }

  resumeQueue(queue: string): Promise<Queue> {
    return this.request<Queue>("queue.resume", { queue });
  }

  limitQueue(queue: string, limits: QueueLimits): Promise<Queue> {
    return this.request<Queue>("queue.limit", { ...limits, queue });
  }

  /** Cancels its jobs that do not run. */
  purgeQueue(queue: string): Promise<QueuePurge> {
    return this.request<QueuePurge>("queue.purge", { queue });
  }

  /** A page of the schedules, by name; without their arguments. */
  schedules(page: { limit?: number; cursor?: string } = {}): Promise<SchedulePage> {
    return this.request<SchedulePage>("schedule.list", page);
  }

  schedule(name: string): Promise<Schedule> {
    return this.request<Schedule>("schedule.get", { name });
  }

  /** Makes a schedule, or changes it into this one. */
  putSchedule(name: string, schedule: ScheduleOptions): Promise<Schedule> {
    return this.request<Schedule>("schedule.put", { ...schedule, name });
  }

  /** Its jobs stay. */
  deleteSchedule(name: string): Promise<{ name: string }> {
    return this.request("schedule.delete", { name });
  }

  /** None of its ticks submits a job until it is resumed. */
  pauseSchedule(name: string): Promise<Schedule> {
    return this.request<Schedule>("schedule.pause", { name });
  }

  resumeSchedule(name: string): Promise<Schedule> {
    return this.request<Schedule>("schedule.resume", { name });
  }

  /** Submits a job of it now; answers its id. */
  triggerSchedule(name: string): Promise<string> {
    return this.request<string>("schedule.trigger", { name });
  }

  async plugins(): Promise<Plugin[]> {
    return (await this.request<{ items: Plugin[] }>("plugin.list")).items;
  }

  plugin(plugin: string): Promise<Plugin> {
    return this.request<Plugin>("plugin.get", { plugin });
  }

  activate(plugin: string, version: string): Promise<Plugin> {
    return this.request<Plugin>("plugin.activate", { plugin, version });
  }

  rollback(plugin: string): Promise<Plugin> {
    return this.request<Plugin>("plugin.rollback", { plugin });
  }

  async workers(): Promise<Worker[]> {
    return (await this.request<{ items: Worker[] }>("worker.list")).items;
  }

  async connections(): Promise<ConnectionView[]> {
    return (await this.request<{ items: ConnectionView[] }>("connection.list")).items;
  }

  stats(): Promise<Stats> {
    return this.request<Stats>("stats.get");
  }

  /** Watches a topic, over any number of connections, until it is closed. */
  subscribe<T>(topic: Topic, params: Record<string, unknown>, handlers: SubscriptionHandlers<T>): Subscription {
    const open: Open = {
      topic, params, handlers: handlers as SubscriptionHandlers<unknown>, sub: undefined, opened: false, closed: false,
    };
    this.#subscriptions.add(open);
    if (this.#status === "open") this.#open(open);
    return { close: () => this.#unsubscribe(open) };
  }

  #ask<T>(op: string, params: object, { signal }: RequestOptions, read: (frame: Frame, text: string) => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      if (this.#status === "closed") return reject(new ConnectionLost(op));
      if (this.#pending.size >= REQUESTS_WAITING_MAX) return reject(new Error(`${REQUESTS_WAITING_MAX} requests wait already`));
      const id = (this.#lastId += 1);
      const abort = () => {
        this.#abandon(id);
        reject(signal?.reason);
      };
      const done = () => signal?.removeEventListener("abort", abort);
      const pending: Pending = {
        id, op, sent: false,
        text: JSON.stringify({ ...params, op, id }),
        resolve: (frame, text) => {
          done();
          if (frame.op === "error") reject(new Refused(frame.error));
          else resolve(read(frame, text));
        },
        reject: (error) => {
          done();
          reject(error);
        },
      };
      signal?.addEventListener("abort", abort);
      this.#pending.set(id, pending);
      if (this.#status === "open") this.#send(pending);
    });
  }

  #abandon(id: number): void {
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (pending?.sent && pending.op.includes("/") && this.#status === "open") {
      this.#connection?.send(JSON.stringify({ op: "call.cancel", call: id, reply: false }));
    }
  }

  #send(pending: Pending): void {
    pending.sent = true;
    this.#connection?.send(pending.text);
  }

  #connect(): void {
    this.#become(this.#identity === undefined ? "connecting" : "lost");
    const { url, token, channel, name, webSocket = globalThis.WebSocket } = this.#options;
    if (webSocket === undefined) throw new Error("this runtime has no WebSocket: pass one as the option `webSocket`");
    const socketUrl = new URL("v1/ws", base(url));
    socketUrl.protocol = socketUrl.protocol === "https:" ? "wss:" : "ws:";
    const connection: Connection = new Connection({ url: socketUrl.href, token, channel, name, webSocket }, {
      open: (identity) => this.#connection === connection && this.#opened(identity),
      frame: (frame, text) => this.#connection === connection && this.#receive(frame, text),
      end: (end) => this.#connection === connection && this.#ended(end),
    });
    this.#connection = connection;
  }

  #opened(identity: Identity): void {
    this.#identity = identity;
    this.#failures = 0;
    this.#become("open");
    for (const pending of this.#pending.values()) if (!pending.sent) this.#send(pending);
    for (const open of this.#subscriptions) if (open.sub === undefined) this.#open(open);
  }

  #ended({ denied, reason }: End): void {
    this.#connection = undefined;
    this.#reason = reason;
    this.#forget();
    if (denied) return this.#become("denied");
    this.#become(this.#identity === undefined ? "connecting" : "lost");
    const longest = Math.min(RECONNECT_MILLIS_MAX, RECONNECT_MILLIS_MIN * 2 ** this.#failures);
    this.#failures += 1;
    this.#timer = setTimeout(() => this.#connect(), longest * (0.5 + Math.random() / 2));
  }

  /** What the ended connection knew is void: repeatable requests will be sent again, the others fail. */
  #forget(): void {
    this.#bySub.clear();
    for (const open of this.#subscriptions) open.sub = undefined;
    for (const pending of [...this.#pending.values()]) {
      if (!pending.sent) continue;
      if (pending.op === "sub.open") this.#pending.delete(pending.id);
      else if (REPEATABLE.has(pending.op)) pending.sent = false;
      else {
        this.#pending.delete(pending.id);
        pending.reject(new ConnectionLost(pending.op));
      }
    }
  }

  #receive(frame: Frame, text: string): void {
    if (frame.op === "event" || frame.op === "gap") {
      const handlers = this.#bySub.get(frame.sub)?.handlers;
      if (frame.op === "event") handlers?.event(frame.data, frame.seq);
      else handlers?.gap?.(frame.missed);
      return;
    }
    const pending = this.#pending.get(frame.id as number);
    if (pending === undefined) return;
    this.#pending.delete(pending.id);
    pending.resolve(frame, text);
  }

  #open(open: Open): void {
    const id = (this.#lastId += 1);
    const again = open.opened;
    const resolve = (frame: Frame) => {
      if (frame.op === "error") {
        this.#subscriptions.delete(open);
        return open.handlers.refused?.(new Refused(frame.error));
      }
      const { sub } = (frame as { value: unknown }).value as { sub: number };
      if (open.closed) return this.#tell("sub.close", { sub });
      open.sub = sub;
      open.opened = true;
      this.#bySub.set(sub, open);
      if (again) open.handlers.gap?.(null);
    };
    const text = JSON.stringify({ ...open.params, op: "sub.open", id, topic: open.topic });
    const pending: Pending = { id, op: "sub.open", text, sent: false, resolve, reject: () => {} };
    this.#pending.set(id, pending);
    this.#send(pending);
  }

  #unsubscribe(open: Open): void {
    if (open.closed) return;
    open.closed = true;
    this.#subscriptions.delete(open);
    if (open.sub === undefined) return;
    this.#bySub.delete(open.sub);
    this.#tell("sub.close", { sub: open.sub });
  }

  #tell(op: string, params: object): void {
    if (this.#status === "open") this.#connection?.send(JSON.stringify({ ...params, op, reply: false }));
  }

  #become(status: Status): void {
    if (status === this.#status) return;
    this.#status = status;
    for (const listener of [...this.#listeners]) listener(status);
  }
}

function base(url: string | URL): URL {
  const address = new URL(url);
  address.hash = "";
  address.search = "";
  if (!address.pathname.endsWith("/")) address.pathname = address.pathname.replace(/[^/]*$/, "");
  return address;
}
