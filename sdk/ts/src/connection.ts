// One WebSocket from its opening to its end: it says hello, hands frames on, and notices silence.

import { parse, type Frame } from "./frames.ts";
import type { Problem } from "./problem.ts";
import type { Identity } from "./views.ts";

const HELLO_MILLIS_MAX = 10_000;
const SILENCE_MILLIS_MAX = 15_000;
const PONG_MILLIS_MAX = 10_000;
const HELLO_ID = "hello";
const PING_ID = "ping";

/** Where to connect to, and as whom. */
export interface Peer {
  /** `ws://…/v1/ws`. */
  url: string;
  token: string;
  channel: string | undefined;
  name: string | undefined;
  webSocket: typeof WebSocket;
}

/** Why a connection ended: `denied` if asking again with the same token is pointless. */
export interface End {
  denied: boolean;
  reason: string;
}

/** What a connection tells its owner. `end` comes once and last. */
export interface Listener {
  open(identity: Identity): void;
  frame(frame: Frame, text: string): void;
  end(end: End): void;
}

export class Connection {
  #socket: WebSocket;
  #listener: Listener;
  #ended = false;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #heardAt = Date.now();

  constructor(peer: Peer, listener: Listener) {
    this.#listener = listener;
    this.#socket = new peer.webSocket(peer.url, ["windlass.v1.json"]);
    this.#socket.onopen = () => this.#hello(peer);
    this.#socket.onmessage = (event: MessageEvent) => this.#receive(event.data as string);
    this.#socket.onclose = (event: CloseEvent) => this.#end(closing(event));
    this.#socket.onerror = () => {}; // `close` follows and says more
    this.#timer = setTimeout(() => this.#fail("the broker did not answer"), HELLO_MILLIS_MAX);
  }

  send(text: string): void {
    this.#socket.send(text);
  }

  close(): void {
    this.#fail("closed by this client");
  }

  #hello(peer: Peer): void {
    const { token, channel, name } = peer;
    this.send(JSON.stringify({ op: "session.hello", id: HELLO_ID, token, channel, name }));
  }

  #receive(text: string): void {
    if (this.#ended) return;
    this.#heardAt = Date.now();
    const frame = parse(text);
    const id = "id" in frame ? frame.id : undefined;
    if (id === PING_ID) return;
    if (id !== HELLO_ID) return this.#listener.frame(frame, text);
    if (frame.op === "error") return this.#refuse(frame.error);
    clearTimeout(this.#timer);
    this.#watchSilence();
    this.#listener.open((frame as { value: unknown }).value as Identity);
  }

  #refuse(problem: Problem): void {
    const denied = problem.code === "unauthorized" || problem.code === "forbidden";
    this.#end({ denied, reason: problem.message });
    this.#socket.close();
  }

  /** A network can vanish without a word: after some silence ask, and without an answer give up. */
  #watchSilence(): void {
    const quiet = Date.now() - this.#heardAt;
    if (quiet >= SILENCE_MILLIS_MAX + PONG_MILLIS_MAX) return this.#fail("the broker fell silent");
    if (quiet >= SILENCE_MILLIS_MAX) this.send(JSON.stringify({ op: "ping", id: PING_ID }));
    const next = quiet >= SILENCE_MILLIS_MAX ? PONG_MILLIS_MAX : SILENCE_MILLIS_MAX - quiet;
    this.#timer = setTimeout(() => this.#watchSilence(), next);
  }

  #fail(reason: string): void {
    this.#end({ denied: false, reason });
    this.#socket.close();
  }

  #end(end: End): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#listener.end(end);
  }
}

function closing(event: CloseEvent): End {
  const denied = event.code === 4401 || event.code === 4403;
  return { denied, reason: event.reason || (event.code === 4503 ? "the broker is shutting down" : "the connection broke") };
}
