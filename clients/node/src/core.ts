import { Call, type CallOptions } from "./call.js";
import { Connection, type ConnectionSettings, type Ready } from "./connection.js";
import { FluxionError, serverError } from "./errors.js";
import { parseExact } from "./exact_json.js";
import type { Platform } from "./platform.js";

/**
 * idle: no connection, none being made; the next request makes one. connecting: no connection yet
 * since idle. reconnecting: a connection was lost; waiting for, or making, the next attempt.
 * closed: by close().
 */
export type State = "idle" | "connecting" | "ready" | "reconnecting" | "closed";

export interface CoreSettings extends ConnectionSettings {
  maxReconnectAttempts: number;
  /** Whether they also follow an attempt that is the first since idle. */
  retriesFirst: boolean;
  reconnectInterval: number;
  maxReconnectInterval: number;
  requestTimeout: number;
  /** A longer message is refused here, since the server would end the connection for it. */
  maxMessageBytes: number;
  /** Read replies so that integers beyond 2^53 come as bigint. */
  exact: boolean;
  /** Gets lines about the connection; they never hold a key. */
  log: (line: string) => void;
}

/** The fields of a reply. */
export type Reply = Record<string, unknown>;

/** Who gets what the server sends unasked about one subscription. */
export interface Subscriber {
  /** `length`: of the message, in UTF-16 units. */
  frame(message: Reply, length: number): void;
  /** The connection is gone and the subscription with it; called once, after `state` changed. */
  lost(error: FluxionError): void;
}

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
  /** By the id of the request that made it, on this connection. */
  readonly subscribers = new Map<string, Subscriber>();
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
    readonly settings: CoreSettings,
    readonly platform: Platform,
  ) {}

  /** `<log>:<seq>` of the latest write this client knows of, or undefined before `ready`. */
  get position(): string | undefined {
    return this.ready?.log === undefined ? undefined : `${this.ready.log}:${this.lastSeq}`;
  }

  /** Resolves when the connection is ready; all callers share one attempt. */
  connect(options: CallOptions): Promise<void> {
    // Several attempts have a limit each, and their number.
    const usual = this.settings.retriesFirst ? 0 : this.settings.connectTimeout;
    const call = new Call<void>(this.platform, options.timeout ?? usual, options.signal);
    if (this.state === "ready") call.resolve();
    if (call.isSettled) return call.promise;
    call.onGone = () => this.connects.delete(call);
    this.connects.add(call);
    this.start();
    return call.promise;
  }

  newCall<T>(options: CallOptions, type: string): Call<T> {
    const limit = options.timeout ?? this.settings.requestTimeout;
    return new Call(this.platform, limit, options.signal, type);
  }

  /** Sends now if the connection is ready, else in this order when it is. */
  send(call: Call<Reply>, type: string, payload: string, minSeq?: string | number): void {
    if (call.isSettled) return;
    if (this.state === "closed") {
      call.reject(closedError(false, type));
      return;
    }
    const id = (++this.lastId).toString(36);
    const position = minSeq === undefined ? "" : `,"min_seq":${JSON.stringify(minSeq)}`;
    const text = `{"id":"${id}","type":"${type}"${position},"data":${payload}}`;
    const { maxMessageBytes } = this.settings;
    if (isLonger(text, maxMessageBytes)) {
      const why = `the message is longer than maxMessageBytes, ${maxMessageBytes}: send parts`;
      call.reject(new FluxionError("too_large", why, { type }));
      return;
    }
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
    this.rejectAll(this.inFlight, (type) => closedError(true, type));
    this.rejectAll(this.waiting, (type) => closedError(false, type));
    this.rejectConnects(closedError(false));
    this.loseSubscribers(closedError(false));
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
    if (message["type"] === "evt") {
      this.subscribers.get(String(message["sub"]))?.frame(message, text.length);
      return;
    }
    const id = String(message["id"]);
    const request = this.inFlight.get(id);
    if (!request) return; // timed out, aborted, or a heartbeat's
    this.inFlight.delete(id);
    if (message["error"] !== undefined) {
      request.call.reject(serverError(message, request.call.type));
      return;
    }
    const seq = Number(message["seq"] ?? 0);
    if (seq > this.lastSeq) this.lastSeq = seq;
    request.call.resolve(message);
  }

  private lose(error: FluxionError): void {
    const isFirst = this.state === "connecting";
    this.connection = undefined;
    const { message } = error;
    this.rejectAll(this.inFlight, (type) => {
      return new FluxionError("connection_lost", message, { outcomeUnknown: true, type });
    });
    const most = isFirst && !this.settings.retriesFirst ? 0 : this.settings.maxReconnectAttempts;
    if (error.code === "unauthorized") {
      const canAskAgain = typeof this.settings.apiKey === "function";
      if (!canAskAgain || ++this.refusals > MAX_FRESH_KEYS) this.giveUp(error);
      else this.retry();
    } else if (this.attempts >= most) this.giveUp(error);
    else this.retry();
    this.loseSubscribers(error);
  }

  /** Full jitter: many clients of a server that restarts must not come back at the same moment. */
  private retry(): void {
    const { reconnectInterval, maxReconnectInterval } = this.settings;
    const most = Math.min(maxReconnectInterval, reconnectInterval * 2 ** this.attempts++);
    const delay = this.platform.random() * most;
    this.settings.log(`attempt ${this.attempts} to connect again in ${Math.round(delay)} ms`);
    this.retryTimer = this.platform.setTimer(() => this.dial(), delay);
    if (this.state !== "connecting") this.setState("reconnecting");
  }

  private giveUp(error: FluxionError): void {
    this.setState("idle");
    const code = error.code === "unauthorized" ? error.code : "connection_failed";
    const failure = (type?: string): FluxionError =>
      new FluxionError(code, error.message, { cause: error, type });
    this.rejectAll(this.waiting, failure);
    this.rejectConnects(failure());
  }

  private rejectAll(
    requests: Map<string, Request>,
    error: (type: string | undefined) => FluxionError,
  ): void {
    const calls = [...requests.values()].map((request) => request.call);
    requests.clear();
    for (const call of calls) call.reject(error(call.type));
  }

  private rejectConnects(error: FluxionError): void {
    for (const call of this.connects) call.reject(error);
    this.connects.clear();
  }

  private loseSubscribers(error: FluxionError): void {
    const subscribers = [...this.subscribers.values()];
    this.subscribers.clear();
    for (const subscriber of subscribers) subscriber.lost(error);
  }

  private setState(state: State): void {
    if (state === this.state) return;
    this.state = state;
    // Later, so that a listener that throws, or calls close(), does not do so in mid-change.
    for (const listener of this.listeners) queueMicrotask(() => listener(state));
  }
}

export function closedError(isSent: boolean, type?: string): FluxionError {
  return new FluxionError("closed", "the client was closed", { outcomeUnknown: isSent, type });
}

/** Whether the text has more bytes in UTF-8; counts them only where its length does not tell. */
function isLonger(text: string, bytes: number): boolean {
  if (text.length * 3 <= bytes) return false;
  return text.length > bytes || new TextEncoder().encode(text).length > bytes;
}
