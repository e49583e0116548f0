// A broker of a test's own: the built binary, a port of its choosing, a data directory that is removed.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const BINARY = process.env.WINDLASS_TEST_BINARY ?? fileURLToPath(new URL("../../../target/release/windlass", import.meta.url));
const LISTENING = /windlass listening on (http:\/\/\S+)/;

export class Broker {
  url = "";
  token = "";
  #data = "";
  #child: ChildProcess | undefined;

  static async start(): Promise<Broker> {
    const broker = new Broker();
    broker.#data = await mkdtemp(join(tmpdir(), "windlass-console-"));
    await broker.#run("127.0.0.1:0");
    broker.token = (await readFile(join(broker.#data, "token"), "utf8")).trim();
    return broker;
  }

  /** Where the console is served. */
  get site(): string {
    return this.url;
  }

  /** The console's address with the token in its fragment. */
  get console(): string {
    return `${this.site}/#token=${this.token}`;
  }

  /** The process is killed, as in a crash; `revive` starts it again on the same port and data. */
  async kill(): Promise<void> {
    const child = this.#child!;
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }

  async revive(): Promise<void> {
    await this.#run(new URL(this.url).host);
  }

  async stop(): Promise<void> {
    if (this.#child?.exitCode === null && this.#child.signalCode === null) await this.kill();
    await rm(this.#data, { recursive: true, force: true });
  }

  async request<T>(method: string, path: string, body?: unknown): Promise<T> {
    const answer = await fetch(`${this.url}/${path}`, {
      method,
      headers: { Authorization: `Bearer ${this.token}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return (text === "" ? undefined : JSON.parse(text)) as T;
  }

  async submit(handler: string, args: object = {}, opts: object = {}): Promise<string> {
    return (await this.request<{ job: string }>("POST", "v1/jobs", { handler, args, opts })).job;
  }

  /** Submits and waits for its end, whatever it is. */
  async finish(handler: string, args: object = {}, opts: object = {}): Promise<string> {
    const job = await this.submit(handler, args, opts);
    await fetch(`${this.url}/v1/jobs/${job}/result?wait=30s`, { headers: { Authorization: `Bearer ${this.token}` } });
    return job;
  }

  async #run(bind: string): Promise<void> {
    const child = spawn(BINARY, ["dev", "--bind", bind, "--data", this.#data], { stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    const said: string[] = [];
    createInterface({ input: child.stderr! }).on("line", (line) => said.push(line));
    for await (const line of createInterface({ input: child.stdout! })) {
      const found = LISTENING.exec(line);
      if (!found) continue;
      this.url = found[1]!;
      child.stdout!.resume();
      return;
    }
    throw new Error(`the broker ended before it listened:\n${said.join("\n")}`);
  }
}
