import type { CallOptions } from "./call.js";
import type { ApiKey } from "./connection.js";

/** What the constructor takes. All times are in milliseconds. */
export interface FluxionClientOptions<Ts extends "number" | "bigint" = "number" | "bigint"> {
  /** `ws://HOST:PORT` or `wss://HOST:PORT`; `http` and `https` mean the same. */
  url: string;
  /**
   * The API key, or a function that gives it, which is called at every attempt to connect and so
   * makes key rotation possible. In Node the key travels in the Authorization header, in browsers
   * in a subprotocol. Default: none, for a URL that carries the key itself.
   */
  apiKey?: ApiKey | undefined;
  /** Shown by `getConnections`. Default: none. */
  connectionName?: string | undefined;
  /**
   * Attempts in a row to make a lost connection again; after the last, waiting requests reject with
   * `connection_failed`, and the next request starts anew. Default: Infinity, since a service
   * should outlive any outage of its server, and each request has its own time limit.
   */
  maxReconnectAttempts?: number | undefined;
  /**
   * Attempt n (from 0) comes after a random time of at most this times 2^n. Default: 500, so that
   * the restart of a server, which takes less than that, costs half a second.
   */
  reconnectInterval?: number | undefined;
  /** Most time between two attempts. Default: 10000, so that nobody waits long for a server. */
  maxReconnectInterval?: number | undefined;
  /** For one attempt: key, network, TLS and greeting. Default: 10000, ample for a far network. */
  connectTimeout?: number | undefined;
  /**
   * From a call to its reply, waiting for a connection included; 0 is none. Default: 15000, more
   * than the 5 s that the server lets a read wait for `minSeq`.
   */
  requestTimeout?: number | undefined;
  /**
   * Silence after which the connection is pinged. Default: 15000, below the 30 to 60 s after which
   * proxies and routers drop a silent connection.
   */
  heartbeatInterval?: number | undefined;
  /** Time for the answer; without one the connection is lost. Default: 10000. */
  heartbeatTimeout?: number | undefined;
  /**
   * Join inserts that are called at about the same time into few frames. `true` is
   * `{maxRecords: 1000, maxDelayMs: 2}`: some 100 KB a frame, and a delay below that of a disk's
   * sync. Default: false, since the delay is for nothing when each insert is awaited.
   */
  batchInserts?: boolean | { maxRecords?: number; maxDelayMs?: number } | undefined;
  /**
   * What `ts` is in replies: numbers are exact up to 2^53 only, bigints over the whole signed
   * 64-bit range. Requests take both. Default: "number".
   */
  timestamps?: Ts | undefined;
  /** Print lines about the connection, never with a key in them, to the console. Default: false. */
  showLogs?: boolean | undefined;
}

/** For a read: `minSeq` waits until this position, `<log>:<seq>` or a bare seq, can be seen. */
export interface ReadOptions extends CallOptions {
  minSeq?: string | number | undefined;
}

/** Every option with its value; throws TypeError for one that makes no sense. */
export function withDefaults(options: FluxionClientOptions) {
  const times = {
    reconnectInterval: options.reconnectInterval ?? 500,
    maxReconnectInterval: options.maxReconnectInterval ?? 10_000,
    connectTimeout: options.connectTimeout ?? 10_000,
    requestTimeout: options.requestTimeout ?? 15_000,
    heartbeatInterval: options.heartbeatInterval ?? 15_000,
    heartbeatTimeout: options.heartbeatTimeout ?? 10_000,
    maxReconnectAttempts: options.maxReconnectAttempts ?? Infinity,
  };
  for (const [name, value] of Object.entries(times)) {
    if (typeof value !== "number" || !(value >= 0)) throw new TypeError(`${name} is ${value}`);
  }
  const batch = options.batchInserts === true ? {} : options.batchInserts || undefined;
  return {
    ...times,
    url: address(options.url, options.connectionName),
    apiKey: options.apiKey ?? "",
    batch: batch && {
      maxRecords: batch.maxRecords ?? 1000,
      maxDelayMs: batch.maxDelayMs ?? 2,
    },
    exact: options.timestamps === "bigint",
  };
}

function address(url: string, name: string | undefined): string {
  const parsed = new URL(url.replace(/^http(?=s?:)/i, "ws"));
  if (!/^wss?:$/.test(parsed.protocol)) throw new TypeError("url must start with ws:// or wss://");
  if (name !== undefined) parsed.searchParams.set("name", name);
  return parsed.href;
}
