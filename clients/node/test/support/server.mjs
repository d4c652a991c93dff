// A server of the test's own, on a port of its own.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const repository = fileURLToPath(new URL("../../../../", import.meta.url));
// npm runs scripts in the package's folder and tells where it was called.
const calledIn = process.env.INIT_CWD ?? "";
const binary = resolve(calledIn, process.env.FLUXION_BIN ?? join(repository, "fluxion"));
if (!existsSync(binary)) throw new Error(`no server at ${binary}: set FLUXION_BIN`);

export const KEY = "the-master-key-of-a-test";

/** A free port that nobody else gets by asking for any: so that a server can come back to it. */
async function lastingPort() {
  const range = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8");
  const lowest = 10_000;
  let end = Number.parseInt(range, 10);
  if (end < lowest + 1000) end = 65_536; // here there is no such port, and chance must do
  for (;;) {
    const port = lowest + Math.floor(Math.random() * (end - lowest));
    const probe = createServer().listen(port, "127.0.0.1");
    const isFree = await new Promise((resolve) =>
      probe.on("listening", () => resolve(true)).on("error", () => resolve(false)));
    if (!isFree) continue;
    probe.close();
    await once(probe, "close");
    return port;
  }
}

/** One server, and after `start` again the next one on the same port and data. */
export class Server {
  static #started = [];
  static {
    // A test file that breaks off leaves nothing behind either.
    process.on("exit", () => {
      for (const server of Server.#started) {
        server.#process?.kill("SIGKILL");
        rmSync(server.#folder, { recursive: true, force: true });
      }
    });
  }

  #folder = mkdtempSync(join(tmpdir(), "fluxion-node-"));
  #process;
  port = 0;
  /** Keeps nothing over its end. */
  isInMemory = false;

  static async start(...flags) {
    const server = new Server();
    await server.start(...flags);
    return server;
  }

  static async startInMemory(...flags) {
    const server = new Server();
    server.isInMemory = true;
    await server.start(...flags);
    return server;
  }

  constructor() {
    Server.#started.push(this);
  }

  get url() {
    return `ws://127.0.0.1:${this.port}`;
  }

  async start(...flags) {
    this.port ||= await lastingPort();
    const data = this.isInMemory ? [] : ["--data", join(this.#folder, "data")];
    this.#process = spawn(binary, [...data, "--port", String(this.port), ...flags], {
      env: { PATH: process.env.PATH, FLUXION_SECRET_KEY: KEY },
      stdio: ["ignore", "ignore", "pipe"],
    });
    const lines = [];
    for await (const line of createInterface(this.#process.stderr)) {
      lines.push(line);
      const address = /listening on wss?:\/\/127\.0\.0\.1:(\d+)/.exec(line);
      if (!address) continue;
      this.port = Number(address[1]);
      this.#process.stderr.resume();
      return;
    }
    throw new Error(`the server did not start: ${lines.join("\n")}`);
  }

  /** The server's figures. */
  async stat() {
    const env = { FLUXION_URL: this.url, FLUXION_KEY: KEY };
    const { stdout } = await promisify(execFile)(binary, ["stat", "--json"], { env });
    return JSON.parse(stdout);
  }

  signal(name) {
    this.#process.kill(name);
  }

  /** SIGSTOP; resolves when every thread stands still: until then one of them may answer. */
  async suspend() {
    this.signal("SIGSTOP");
    const tasks = `/proc/${this.#process.pid}/task`;
    const runs = (task) => !/\) T /.test(readFileSync(`${tasks}/${task}/stat`, "utf8"));
    while (readdirSync(tasks).some(runs)) await new Promise(setImmediate);
  }

  /** SIGKILL, unless told otherwise; resolves when the process is gone. */
  async kill(signal = "SIGKILL") {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const gone = once(this.#process, "exit");
    this.#process.kill(signal);
    await gone;
  }

  /** Of one that does not run: the next start finds nothing, and begins a new history. */
  wipe() {
    rmSync(join(this.#folder, "data"), { recursive: true, force: true });
  }

  async remove() {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
