import { checkNames, checkNumber, shown } from "./options.js";
import type { SubscriptionSettings } from "./subscription.js";
import type { WatchKind, WatchOptions } from "./watch_types.js";

/** Some megabytes of small events; a consumer that much behind is better off resuming. */
const MAX_BUFFERED = 10_000;
const TEXTS = ["col", "match", "where", "filter"] as const;
const NAMES = ["kind", ...TEXTS, "from", "snapshot", "fields", "signal", "onGap", "maxBuffered"];

type Waits = "reconnectInterval" | "maxReconnectInterval";

interface Settings extends Omit<SubscriptionSettings, Waits> {
  maxEvents: number;
  signal: AbortSignal | undefined;
}

/** @throws TypeError for options that make no sense */
export function watchSettings(options: WatchOptions<WatchKind>): Settings {
  checkNames("the options of watch", options, NAMES);
  const { kind, from, snapshot, fields, signal, onGap, maxBuffered } = options;
  if (kind !== "keys" && kind !== "docs") {
    throw new TypeError(`kind must be "keys" or "docs", not ${shown(kind)}`);
  }
  const texts: Partial<Record<(typeof TEXTS)[number], string>> = {};
  for (const name of TEXTS) {
    const text = options[name];
    if (text == null) continue;
    if (typeof text !== "string") throw new TypeError(`${name} must be a string`);
    texts[name] = text;
  }
  if (from != null && !["string", "number", "bigint"].includes(typeof from)) {
    throw new TypeError(`from must be a position, not ${shown(from)}`);
  }
  if (snapshot != null && typeof snapshot !== "boolean") {
    throw new TypeError(`snapshot must be a boolean, not ${shown(snapshot)}`);
  }
  if (from != null && snapshot) throw new TypeError("from and snapshot exclude each other");
  if (fields != null && !(Array.isArray(fields) && fields.every((f) => typeof f === "string"))) {
    throw new TypeError("fields must be a list of strings");
  }
  if (signal != null && typeof signal.addEventListener !== "function") {
    throw new TypeError(`signal must be an AbortSignal, not ${shown(signal)}`);
  }
  if (onGap != null && onGap !== "error" && onGap !== "snapshot") {
    throw new TypeError(`onGap must be "error" or "snapshot", not ${shown(onGap)}`);
  }
  if (maxBuffered != null) checkNumber("maxBuffered", maxBuffered, 1);
  return {
    request: { kind, ...texts, ...(fields == null ? {} : { fields }) },
    from: typeof from === "bigint" ? String(from) : (from ?? undefined),
    snapshot: snapshot ?? false,
    onGap: onGap ?? "error",
    maxEvents: maxBuffered ?? MAX_BUFFERED,
    signal: signal ?? undefined,
  };
}
