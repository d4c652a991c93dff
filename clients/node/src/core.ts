import { Call, type CallOptions } from "./call.js";
import { Connection, type ConnectionSettings, type Ready } from "./connection.js";
import { FluxionError } from "./errors.js";
import { parseExact } from "./exact_json.js";
import type { Platform } from "./platform.js";

/**
 * idle: no connection, none being made; the next request makes one. connecting: the first attempt
 * since idle. reconnecting: a connection was lost; waiting for, or making, the next attempt.
 * closed: by close().
 */
export type State = "idle" | "connecting" | "ready" | "reconnecting" | "closed";

export interface CoreSettings extends ConnectionSettings {
  maxReconnectAttempts: number;
  reconnectInterval: number;
  maxReconnectInterval: number;
  requestTimeout: number;
  /** Read replies so that integers beyond 2^53 come as bigint. */
  exact: boolean;
  /** Gets lines about the connection; they never hold a key. */
  log: (line: string) => void;
}

/** The fields of a reply. */
export type Reply = Record<string, unknown>;

/** Where a request is sent; `payload` is JSON. */
export interface Wire {
  send(call: Call<Reply>, type: string, payload: string, minSeq?: string | number): void;
}

/** How many refusals (401, or a removed key) in a row a key provider may answer with a new key. */
const MAX_FRESH_KEYS = 1;

interface Request {
  call: Call<Reply>;
  text: string;
}

/** The envelope, one connection at a time, and making it again. It knows no message type. */
export class Core implements Wire {
  state: State = "idle";
  /** The server's first message on the latest connection. */
  ready: Ready | undefined;
  private lastSeq = 0;
  private connection: Connection | undefined;
  private readonly waiting = new Map<string, Request>();
  private readonly inFlight = new Map<string, Request>();
  private readonly connects = new Set<Call<void>>();
  private readonly listeners = new Set<(state: State) => void>();
  private lastId = 0;
  private attempts = 0;
  private refusals = 0;
  private retryTimer: unknown;

  constructor(
    private readonly settings: CoreSettings,
    readonly platform: Platform,
  ) {}

  /** `<log>:<seq>` of the latest write this client knows of, or undefined before `ready`. */
  get position(): string | undefined {
    return this.ready?.log === undefined ? undefined : `${this.ready.log}:${this.lastSeq}`;
  }

  /** Resolves when the connection is ready; all callers share one attempt. */
  connect(options: CallOptions): Promise<void> {
    const limit = options.timeout ?? this.settings.connectTimeout;
    const call = new Call<void>(this.platform, limit, options.signal, "connection_failed");
    if (this.state === "ready") call.resolve();
    if (call.isSettled) return call.promise;
    call.onGone = () => this.connects.delete(call);
    this.connects.add(call);
    this.start();
    return call.promise;
  }

  newCall<T>(options: CallOptions): Call<T> {
    return new Call(this.platform, options.timeout ?? this.settings.requestTimeout, options.signal);
  }

  /** Sends now if the connection is ready, else in this order when it is. */
  send(call: Call<Reply>, type: string, payload: string, minSeq?: string | number): void {
    if (call.isSettled) return;
    if (this.state === "closed") {
      call.reject(closedError(false));
      return;
    }
    const id = (++this.lastId).toString(36);
    const position = minSeq === undefined ? "" : `,"min_seq":${JSON.stringify(minSeq)}`;
    const text = `{"id":"${id}","type":"${type}"${position},"data":${payload}}`;
    call.onGone = () => this.waiting.delete(id) || this.inFlight.delete(id);
    this.waiting.set(id, { call, text });
    if (this.state === "ready") this.sendWaiting();
    else this.start();
  }

  /** Rejects what is pending. Resolves when the socket is gone. */
  async close(): Promise<void> {
    const connection = this.connection;
    this.connection = undefined;
    this.platform.clearTimer(this.retryTimer);
    this.setState("closed");
    this.rejectAll(this.inFlight, closedError(true));
    this.rejectAll(this.waiting, closedError(false));
    this.rejectConnects(closedError(false));
    await connection?.close();
  }

  onStateChange(listener: (state: State) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private start(): void {
    if (this.state !== "idle" && this.state !== "closed") return;
    this.attempts = 0;
    this.refusals = 0;
    this.setState("connecting");
    this.dial();
  }

  private dial(): void {
    const connection: Connection = new Connection(this.settings, this.platform, {
      ready: (ready) => connection === this.connection && this.becomeReady(ready),
      message: (text) => connection === this.connection && this.receive(text),
      ended: (error) => connection === this.connection && this.lose(error),
      log: this.settings.log,
    });
    this.connection = connection;
  }

  private becomeReady(ready: Ready): void {
    this.ready = ready;
    this.lastSeq = ready.seq ?? 0;
    this.attempts = 0;
    this.refusals = 0;
    this.settings.log("connected");
    this.setState("ready");
    for (const call of this.connects) call.resolve();
    this.connects.clear();
    if (this.state === "ready") this.sendWaiting();
  }

  private sendWaiting(): void {
    for (const [id, request] of this.waiting) {
      this.waiting.delete(id);
      this.inFlight.set(id, request);
      request.call.isSent = true;
      this.connection?.send(request.text);
      request.text = "";
    }
  }

  private receive(text: string): void {
    let message: Reply;
    try {
      const value = this.settings.exact ? parseExact(text) : (JSON.parse(text) as unknown);
      message = (value ?? {}) as Reply;
    } catch {
      this.settings.log("a message that is not JSON was dropped");
      return;
    }
    const id = String(message["id"]);
    const request = this.inFlight.get(id);
    if (!request) return; // timed out, aborted, or a heartbeat's
    this.inFlight.delete(id);
    if (message["error"] !== undefined) {
      request.call.reject(serverError(message));
      return;
    }
    const seq = Number(message["seq"] ?? 0);
    if (seq > this.lastSeq) this.lastSeq = seq;
    request.call.resolve(message);
  }

  private lose(error: FluxionError): void {
    const isFirst = this.state === "connecting";
    this.connection = undefined;
    const lost = new FluxionError("connection_lost", error.message, { outcomeUnknown: true });
    this.rejectAll(this.inFlight, lost);
    if (error.code === "unauthorized") {
      const canAskAgain = typeof this.settings.apiKey === "function";
      if (!canAskAgain || ++this.refusals > MAX_FRESH_KEYS) this.giveUp(error);
      else this.retry();
    } else if (isFirst || this.attempts >= this.settings.maxReconnectAttempts) {
      this.giveUp(error);
    } else this.retry();
  }

  /** Full jitter: many clients of a server that restarts must not come back at the same moment. */
  private retry(): void {
    const { reconnectInterval, maxReconnectInterval } = this.settings;
    const most = Math.min(maxReconnectInterval, reconnectInterval * 2 ** this.attempts++);
    const delay = this.platform.random() * most;
    this.settings.log(`attempt ${this.attempts} to connect again in ${Math.round(delay)} ms`);
    this.retryTimer = this.platform.setTimer(() => this.dial(), delay);
    this.setState("reconnecting");
  }

  private giveUp(error: FluxionError): void {
    this.setState("idle");
    const failure =
      error.code === "unauthorized"
        ? error
        : new FluxionError("connection_failed", error.message, { cause: error });
    this.rejectAll(this.waiting, failure);
    this.rejectConnects(failure);
  }

  private rejectAll(requests: Map<string, Request>, error: FluxionError): void {
    const calls = [...requests.values()].map((request) => request.call);
    requests.clear();
    for (const call of calls) call.reject(error);
  }

  private rejectConnects(error: FluxionError): void {
    for (const call of this.connects) call.reject(error);
    this.connects.clear();
  }

  private setState(state: State): void {
    if (state === this.state) return;
    this.state = state;
    // Later, so that a listener that throws, or calls close(), does not do so in mid-change.
    for (const listener of this.listeners) queueMicrotask(() => listener(state));
  }
}

export function closedError(isSent: boolean): FluxionError {
  return new FluxionError("closed", "the client was closed", { outcomeUnknown: isSent });
}

function serverError(reply: Reply): FluxionError {
  const { id: _, error, code, ...data } = reply;
  const stable = typeof code === "string" ? code : "internal";
  return new FluxionError(stable, String(error), { data });
}
