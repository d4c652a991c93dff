import { FluxionError } from "./errors.js";
import type { Platform, Socket, SocketEnd } from "./platform.js";

/** The key itself, or what to call for it at every attempt to connect. */
export type ApiKey = string | (() => string | Promise<string>);

/** All times in milliseconds. */
export interface ConnectionSettings {
  url: string;
  apiKey: ApiKey;
  connectTimeout: number;
  heartbeatInterval: number;
  heartbeatTimeout: number;
}

/** The server's first message. `log` and `seq` are where its history stands. */
export interface Ready {
  type: "ready";
  message: string;
  version?: string;
  log?: string;
  seq?: number;
  scope?: string;
  durable?: boolean;
}

export interface ConnectionEvents {
  ready(ready: Ready): void;
  /** A message after `ready`. */
  message(text: string): void;
  /** The end, once, also when it was never ready. Nothing comes after it. */
  ended(error: FluxionError): void;
  /** A line for the log; never holds a key. */
  log(line: string): void;
}

/** WebSocket close code of a connection whose key was removed. */
const KEY_REMOVED = 4401;
/** What no key can hold, such as the line end of a file it was read from. */
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/;
/** Time for the server to answer our close frame. */
const CLOSE_TIMEOUT_MS = 1000;
/** Asks for a key that need not exist: the cheapest request there is. */
const CHEAP_READ = '{"id":"heartbeat","type":"gval","data":{"col":"_","key":"_"}}';

/** One attempt to connect, and the life of the connection that comes of it. */
export class Connection {
  private socket: Socket | undefined;
  private timer: unknown;
  private isReady = false;
  private hasEnded = false;
  private hasKey = true;
  private hasLife = false;
  private isAwaitingLife = false;
  private bytesSeen = 0;
  private socketClosed: () => void = () => {};
  private readonly closed = new Promise<void>((resolve) => (this.socketClosed = resolve));
  private readonly encoder = new TextEncoder();

  constructor(
    private readonly settings: ConnectionSettings,
    private readonly platform: Platform,
    private readonly events: ConnectionEvents,
  ) {
    this.timer = platform.setTimer(() => {
      const ms = settings.connectTimeout;
      this.fail(new FluxionError("connection_failed", `no connection within ${ms} ms`));
    }, settings.connectTimeout);
    void this.open();
  }

  /** Only after `ready`. Binary, since the reply comes in the same kind and costs no check. */
  send(text: string): void {
    this.socket?.send(this.encoder.encode(text));
  }

  /** Ends it without an event; resolves when the socket is gone, or after a second. */
  async close(): Promise<void> {
    if (this.hasEnded) return;
    this.stop();
    if (!this.socket) return;
    this.socket.close();
    let timer: unknown;
    const late = new Promise<void>((resolve) => {
      timer = this.platform.setTimer(resolve, CLOSE_TIMEOUT_MS);
    });
    await Promise.race([this.closed, late]);
    this.platform.clearTimer(timer);
    this.socket.destroy();
  }

  private async open(): Promise<void> {
    await undefined; // so that whoever makes this holds it before its first event
    const { apiKey, url } = this.settings;
    try {
      const key = typeof apiKey === "function" ? await apiKey() : apiKey;
      if (typeof key !== "string") throw new TypeError("the provider of apiKey gave no string");
      checkKey(key);
      this.hasKey = key !== "" || new URL(url).searchParams.has("api-key");
      if (this.hasEnded) return;
      this.socket = this.platform.open(url, key, {
        message: (text) => this.message(text),
        alive: () => (this.hasLife = true),
        ended: (end) => this.socketEnded(end),
      });
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      this.fail(new FluxionError("connection_failed", `cannot connect: ${why}`, { cause }));
    }
  }

  private message(text: string): void {
    if (this.hasEnded) return;
    this.hasLife = true;
    if (this.isReady) {
      this.events.message(text);
      return;
    }
    const ready = readReady(text);
    if (!ready) {
      this.fail(new FluxionError("connection_failed", "what answers there is not Fluxion"));
      return;
    }
    this.isReady = true;
    this.platform.clearTimer(this.timer);
    this.beatAfter(this.settings.heartbeatInterval);
    this.events.ready(ready);
  }

  private beatAfter(ms: number): void {
    this.hasLife = false;
    this.bytesSeen = this.socket?.bytesRead?.() ?? 0;
    this.timer = this.platform.setTimer(() => this.beat(), ms);
  }

  private beat(): void {
    if (this.hasLife || (this.socket?.bytesRead?.() ?? 0) !== this.bytesSeen) {
      this.isAwaitingLife = false;
      this.beatAfter(this.settings.heartbeatInterval);
    } else if (this.isAwaitingLife) {
      const ms = this.settings.heartbeatTimeout;
      this.fail(new FluxionError("connection_lost", `no sign of life for ${ms} ms after a ping`));
    } else {
      this.isAwaitingLife = true;
      if (this.socket?.ping) this.socket.ping();
      else this.send(CHEAP_READ);
      this.beatAfter(this.settings.heartbeatTimeout);
    }
  }

  private socketEnded({ closeCode, status, reason }: SocketEnd): void {
    this.socketClosed();
    const text = reason === "" ? `close code ${closeCode}` : reason;
    if (status === 401 || closeCode === KEY_REMOVED) {
      const refused = this.hasKey
        ? "the server does not know this API key"
        : "no API key was given";
      this.fail(new FluxionError("unauthorized", status === 401 ? refused : text));
    } else if (this.isReady) {
      this.fail(new FluxionError("connection_lost", `the connection ended: ${text}`));
    } else {
      this.fail(new FluxionError("connection_failed", `cannot connect: ${text}`));
    }
  }

  private fail(error: FluxionError): void {
    if (this.hasEnded) return;
    this.stop();
    this.socket?.destroy();
    this.events.log(error.message);
    this.events.ended(error);
  }

  private stop(): void {
    this.hasEnded = true;
    this.platform.clearTimer(this.timer);
  }
}

/** @throws TypeError, without the key */
export function checkKey(key: string): void {
  if (CONTROL.test(key)) throw new TypeError("apiKey holds a line end or a control character");
}

function readReady(text: string): Ready | undefined {
  try {
    const message = JSON.parse(text) as Ready | null;
    return message?.type === "ready" ? message : undefined;
  } catch {
    return undefined;
  }
}
