import type { CallOptions } from "./call.js";
import { checkKey, type ApiKey } from "./connection.js";

interface Options {
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
   * `connection_failed`, and the next request starts anew. Where it is set, the first connection
   * is tried so many times more too, and connect() waits for that; where it is not, once, so that
   * a wrong address shows at once. Default: Infinity, since a service should outlive any outage
   * of its server, and each request has its own time limit.
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
   * From a call to its reply, waiting for a connection included; 0 is none. Default: 30000, well
   * above the 5 s that the server lets a read wait for `minSeq`.
   */
  requestTimeout?: number | undefined;
  /**
   * Silence after which the connection is pinged. Default: 20000, below the 30 to 60 s after which
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
   * A request with more bytes rejects with `too_large` and is not sent: the server would end the
   * connection for it, and so fail the other requests too. Default: 16 MiB, the server's default;
   * after a change of its `--max-message` set the same here.
   */
  maxMessageBytes?: number | undefined;
  /** Print lines about the connection, never with a key in them, to the console. Default: false. */
  showLogs?: boolean | undefined;
}

/**
 * What the constructor takes. All times are in milliseconds. `timestamps` is what `ts` is in
 * replies: numbers are exact up to 2^53 only, bigints over the whole signed 64-bit range. Requests
 * take both. Default: "number".
 */
export type FluxionClientOptions<Ts extends "number" | "bigint" = "number"> = Options &
  ([Ts] extends ["bigint"]
    ? { /** What `ts` is in replies: a bigint. */ timestamps: Ts }
    : { /** What `ts` is in replies: a number. */ timestamps?: Ts | undefined });

/** For a read: `minSeq` waits until this position, `<log>:<seq>` or a bare seq, can be seen. */
export interface ReadOptions extends CallOptions {
  minSeq?: string | number | undefined;
}

const BATCH_DEFAULTS = { maxRecords: 1000, maxDelayMs: 2 };
const TIMES = {
  reconnectInterval: 500,
  maxReconnectInterval: 10_000,
  connectTimeout: 10_000,
  requestTimeout: 30_000,
  heartbeatInterval: 20_000,
  heartbeatTimeout: 10_000,
};
const OTHERS = ["url", "apiKey", "connectionName", "maxReconnectAttempts", "batchInserts",
  "maxMessageBytes", "timestamps", "showLogs"];

/** Every option with its value; throws TypeError for one that makes no sense. */
export function withDefaults(options: FluxionClientOptions<"number" | "bigint">) {
  checkNames("the options", options, [...Object.keys(TIMES), ...OTHERS]);
  const times = { ...TIMES };
  for (const name of Object.keys(TIMES) as (keyof typeof TIMES)[]) {
    times[name] = options[name] ?? TIMES[name];
    checkTime(name, times[name]);
  }
  const { apiKey, timestamps, maxReconnectAttempts, maxMessageBytes } = options;
  if (typeof apiKey === "string") checkKey(apiKey);
  else if (apiKey != null && typeof apiKey !== "function") {
    throw new TypeError("apiKey must be a string or a function");
  }
  if (timestamps != null && timestamps !== "number" && timestamps !== "bigint") {
    throw new TypeError(`timestamps must be "number" or "bigint", not ${shown(timestamps)}`);
  }
  const limits = {
    maxReconnectAttempts: maxReconnectAttempts ?? Infinity,
    maxMessageBytes: maxMessageBytes ?? 16 * 1024 * 1024,
  };
  checkNumber("maxReconnectAttempts", limits.maxReconnectAttempts, 0);
  checkNumber("maxMessageBytes", limits.maxMessageBytes, 1);
  const batch = batchOf(options.batchInserts);
  return {
    ...times,
    ...limits,
    retriesFirst: maxReconnectAttempts != null,
    url: address(options.url, options.connectionName),
    apiKey: apiKey ?? "",
    batch: batch && { ...batch, maxMessageBytes: limits.maxMessageBytes },
    exact: timestamps === "bigint",
  };
}

/** The second argument of every method as an object; throws TypeError if it makes no sense. */
export function callOptions(limits: number | ReadOptions | null | undefined): ReadOptions {
  if (limits == null) return {};
  if (typeof limits === "number") {
    checkTime("the time limit", limits);
    return { timeout: limits };
  }
  if (typeof limits !== "object") {
    throw new TypeError(`a call's limits must be milliseconds or an object, not ${shown(limits)}`);
  }
  checkNames("a call's limits", limits, ["timeout", "signal", "minSeq"]);
  const { timeout, signal, minSeq } = limits;
  if (timeout !== undefined) checkTime("timeout", timeout);
  if (signal !== undefined && typeof signal?.addEventListener !== "function") {
    throw new TypeError(`signal must be an AbortSignal, not ${shown(signal)}`);
  }
  if (minSeq !== undefined && typeof minSeq !== "string" && typeof minSeq !== "number") {
    throw new TypeError(`minSeq must be a string or a number, not ${shown(minSeq)}`);
  }
  return limits;
}

function batchOf(batchInserts: unknown): typeof BATCH_DEFAULTS | undefined {
  if (batchInserts == null || batchInserts === false) return undefined;
  if (batchInserts === true) return BATCH_DEFAULTS;
  if (typeof batchInserts !== "object") {
    throw new TypeError(`batchInserts must be a boolean or an object, not ${shown(batchInserts)}`);
  }
  checkNames("batchInserts", batchInserts, Object.keys(BATCH_DEFAULTS));
  const given = batchInserts as Partial<typeof BATCH_DEFAULTS>;
  const maxRecords = given.maxRecords ?? BATCH_DEFAULTS.maxRecords;
  const maxDelayMs = given.maxDelayMs ?? BATCH_DEFAULTS.maxDelayMs;
  checkNumber("batchInserts.maxRecords", maxRecords, 1);
  checkTime("batchInserts.maxDelayMs", maxDelayMs);
  return { maxRecords, maxDelayMs };
}

function address(url: string, name: string | undefined): string {
  if (typeof url !== "string" || !/^(?:ws|http)s?:\/\//i.test(url)) {
    throw new TypeError("url must start with ws:// or wss://");
  }
  if (name != null && typeof name !== "string") {
    throw new TypeError(`connectionName must be a string, not ${shown(name)}`);
  }
  let parsed: URL;
  try {
    parsed = new URL(url.replace(/^http/i, "ws"));
  } catch {
    // The reader's own error shows the URL, which may hold a key.
    throw new TypeError("url is not of the form ws://HOST:PORT");
  }
  if (name != null) parsed.searchParams.set("name", name);
  return parsed.href;
}

export function checkNames(what: string, given: object, names: readonly string[]): void {
  if (typeof given !== "object" || given === null) {
    throw new TypeError(`${what} must be an object, not ${shown(given)}`);
  }
  for (const name of Object.keys(given)) {
    if (names.includes(name)) continue;
    throw new TypeError(`${what}: ${name} is unknown; there are ${names.join(", ")}`);
  }
}

function checkTime(name: string, value: unknown): void {
  checkNumber(name, value, 0, "milliseconds, a number");
}

export function checkNumber(name: string, value: unknown, least: number, what = "a number"): void {
  if (typeof value !== "number") {
    throw new TypeError(`${name} must be ${what}, not ${shown(value)}`);
  }
  if (!(value >= least)) throw new TypeError(`${name} must be at least ${least}, not ${value}`);
}

export function shown(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value) : String(value);
}
