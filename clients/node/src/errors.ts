import type { ErrorCode } from "./protocol.js";

/** What the client itself can report, and what each code means for the request. */
export const CLIENT_CODES = {
  connection_failed: "No connection could be made; the request was not sent.",
  connection_lost: "The connection ended before the reply: the outcome is unknown.",
  request_timeout: "No reply in time: the outcome is unknown if `outcomeUnknown` is true.",
  closed: "close() was called.",
} as const;

export type ClientCode = keyof typeof CLIENT_CODES;

/**
 * Every failure of a call, except that of an aborted signal (which rejects with its own reason)
 * and of a call that is misused (TypeError).
 * `code` is stable, for programs; `message` is for people and may change.
 */
export class FluxionError extends Error {
  override readonly name: string = "FluxionError";
  /** A code of the server's list, one of CLIENT_CODES, or a code of a newer server. */
  readonly code: ErrorCode | ClientCode | (string & {});
  /** The other fields of the server's reply, such as `ver` and `value` of a `conflict`. */
  readonly data: Readonly<Record<string, unknown>>;
  /** The request's type in the protocol, such as "ins"; undefined where it belongs to none. */
  readonly type: string | undefined;
  /** True if the request was sent and no reply says whether it was done. */
  readonly outcomeUnknown: boolean;

  constructor(
    code: ErrorCode | ClientCode | (string & {}),
    message: string,
    more: {
      data?: Record<string, unknown>;
      outcomeUnknown?: boolean;
      type?: string | undefined;
      cause?: unknown;
    } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.code = code;
    this.data = more.data ?? {};
    this.type = more.type;
    this.outcomeUnknown = more.outcomeUnknown ?? false;
  }
}

/**
 * The same error, with the stack of the async function that calls this: its own is that of the
 * socket or timer. So a stack costs something only where a call fails.
 */
export function withCallersStack(error: unknown): unknown {
  if (error instanceof FluxionError) Error.captureStackTrace?.(error, withCallersStack);
  return error;
}

/** The FluxionError of `request_timeout`. */
export class TimeoutError extends FluxionError {
  override readonly name = "TimeoutError";

  constructor(message: string, outcomeUnknown = false, type?: string) {
    super("request_timeout", message, { outcomeUnknown, type });
  }
}

/** The FluxionError of `conflict`: the key has another version than the one asked for. */
export class ConflictError extends FluxionError {
  override readonly name = "ConflictError";
  /** The version that the key has. */
  readonly version: number;
  /** Whether there is such a key. */
  readonly found: boolean;
  /** Its value; "" when there is none. */
  readonly value: string;
  /** Which key, of `writeValues`; else undefined. */
  readonly key: string | undefined;

  constructor(message: string, data: Record<string, unknown>, type?: string) {
    super("conflict", message, { data, type });
    this.version = Number(data["ver"] ?? 0);
    this.found = data["found"] === true;
    this.value = String(data["value"] ?? "");
    this.key = data["key"] === undefined ? undefined : String(data["key"]);
  }
}

/** What ends a watcher where the server no longer holds the events that it needs. */
export class GapError extends FluxionError {
  override readonly name = "GapError";

  constructor(
    message: string,
    data: Record<string, unknown>,
    /** `<log>:<seq>`: resuming from it gives all that is held; undefined where unknown. */
    readonly oldest: string | undefined,
  ) {
    super("compacted", message, { data, type: "sub" });
  }
}

/** The error that a reply, or the end of a subscription, tells of. */
export function serverError(
  reply: Record<string, unknown>,
  type: string | undefined,
): FluxionError {
  const { id: _id, error, code, ...data } = reply;
  const stable = typeof code === "string" ? code : "internal";
  if (stable === "conflict") return new ConflictError(String(error), data, type);
  return new FluxionError(stable, String(error), { data, type });
}

/** The same error for another call. */
export function copyOf(error: FluxionError): FluxionError {
  if (error instanceof TimeoutError) {
    return new TimeoutError(error.message, error.outcomeUnknown, error.type);
  }
  return new FluxionError(error.code, error.message, error);
}
