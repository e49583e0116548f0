// An upload of a plugin, from the first byte to the broker's word.
import type { PluginUpload, Problem } from "windlass";
import { live } from "$lib/live";
import { bytes } from "../ui/format";

/** What the broker takes. */
export const PLUGIN_BYTES_MAX = 32 * 1024 * 1024;

export type UploadState =
  | { readonly is: "idle" }
  | { readonly is: "sending"; readonly sent: number; readonly total: number }
  /** All bytes are there: the broker checks, compiles and starts it. */
  | { readonly is: "checking"; readonly since: number }
  | { readonly is: "done"; readonly upload: PluginUpload }
  | { readonly is: "refused"; readonly problem: Problem };

export class Upload {
  state: UploadState = $state.raw({ is: "idle" });
  readonly busy = $derived(this.state.is === "sending" || this.state.is === "checking");
  #request: XMLHttpRequest | null = null;

  /** Sends a component as the plugin `name`. */
  start(name: string, file: File): void {
    this.cancel();
    if (file.size > PLUGIN_BYTES_MAX) return this.#refuse(tooLarge(file));
    // fetch does not tell how much was sent.
    const request = new XMLHttpRequest();
    this.#request = request;
    request.open("PUT", live.client.endpoint(`v1/plugins/${encodeURIComponent(name)}`));
    request.setRequestHeader("Authorization", `Bearer ${live.client.token}`);
    request.setRequestHeader("Content-Type", "application/wasm");
    request.upload.onprogress = (event) => (this.state = { is: "sending", sent: event.loaded, total: file.size });
    request.upload.onload = () => (this.state = { is: "checking", since: live.now });
    request.onload = () => this.#end(request);
    request.onerror = () => this.#refuse(unreached());
    this.state = { is: "sending", sent: 0, total: file.size };
    request.send(file);
  }

  /** Stops sending; what the broker has already is its own. */
  cancel(): void {
    if (this.#request) {
      this.#request.onload = this.#request.onerror = null;
      this.#request.abort();
    }
    this.#request = null;
    this.state = { is: "idle" };
  }

  #end(request: XMLHttpRequest): void {
    this.#request = null;
    const answer = read(request.responseText);
    if (request.status === 200 || request.status === 201) this.state = { is: "done", upload: answer as PluginUpload };
    else this.#refuse(problemOf(answer, request));
  }

  #refuse(problem: Problem): void {
    this.#request = null;
    this.state = { is: "refused", problem };
  }
}

function read(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The problem document of an HTTP answer as the problem it is. */
function problemOf(answer: unknown, request: XMLHttpRequest): Problem {
  const document = answer as { code?: string; detail?: string; info?: unknown; hint?: string; retryable?: boolean } | null;
  if (typeof document?.code !== "string") {
    return { code: "internal", message: `the answer was ${request.status} ${request.statusText}`, retryable: false };
  }
  const { code, detail = "", info, hint, retryable = false } = document;
  return { code, message: detail, detail: info, retryable, ...(hint === undefined ? {} : { hint }) };
}

function tooLarge(file: File): Problem {
  return {
    code: "too_large",
    message: `${file.name} has ${bytes(file.size)}, at most ${bytes(PLUGIN_BYTES_MAX)} are taken`,
    hint: "build it in release mode and strip its debug sections, for example with `wasm-tools strip`",
    retryable: false,
  };
}

function unreached(): Problem {
  return { code: "connection_lost", message: "the connection broke before the upload was through", hint: "upload it again", retryable: true };
}
