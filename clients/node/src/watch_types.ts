import type { Int64, Position } from "./protocol.js";

/** What is watched: keys with their values, or documents with their records. */
export type WatchKind = "keys" | "docs";

/** What every event has. `(seq, i)` rises from event to event, but for those of a snapshot. */
interface AnyEvent {
  /** The entry of the log that made the change; 0 for a document in a snapshot. */
  seq: number;
  /** Its place among the changes of that entry. */
  i: number;
  col: string;
  /** When it was done, milliseconds since 1970 UTC; with `fields: ["time"]`. */
  time?: number;
  /** Of a snapshot: what there is, not what changes. */
  snapshot?: true;
}

/** The collection was deleted, with all its keys and documents. */
export interface DroppedEvent extends AnyEvent {
  op: "dropped";
}

export interface SetEvent extends AnyEvent {
  op: "set";
  key: string;
  ver: number;
  /** Absent where `left` is there. */
  value?: string;
  previous?: string;
  /** When the key expires, milliseconds since 1970 UTC. */
  expires?: number;
  /** The value passes `where` and `filter`, and the one before it did not. */
  entered?: true;
  /** The value does not pass `where` and `filter`, and the one before it did. */
  left?: true;
}

export interface RemovedEvent extends AnyEvent {
  op: "removed" | "expired";
  key: string;
  ver: number;
  previous?: string;
}

export type KeyEvent = SetEvent | RemovedEvent | DroppedEvent;

export interface InsertedEvent<Ts = number> extends AnyEvent {
  op: "inserted";
  doc: string;
  ts: Ts;
  data?: string;
}

/** The records `from` to `to`, both included; without them the whole document. */
export interface DeletedEvent<Ts = number> extends AnyEvent {
  op: "deleted";
  doc: string;
  from?: Ts;
  to?: Ts;
}

export type DocEvent<Ts = number> = InsertedEvent<Ts> | DeletedEvent<Ts> | DroppedEvent;

export type EventOf<Kind extends WatchKind, Ts = number> = Kind extends "keys"
  ? KeyEvent
  : DocEvent<Ts>;

/** What `watch` takes. */
export interface WatchOptions<Kind extends WatchKind = WatchKind> {
  kind: Kind;
  /** The collection. Default: all. */
  col?: string | undefined;
  /** Names of keys or documents: one, or `/pattern/flags`. Default: all. */
  match?: string | undefined;
  /** Only values (documents: data) that contain this text, or match `/pattern/flags`. */
  where?: string | undefined;
  /** Not the values that contain or match this. */
  filter?: string | undefined;
  /** Events after this position, such as a `cursor` of an earlier watcher. Default: from now on. */
  from?: Position | undefined;
  /** First what there is (of documents the latest records), then what changes. Not with `from`. */
  snapshot?: boolean | undefined;
  /**
   * What events tell beside what changed. Default: `["value", "expires"]`, of documents `["data"]`.
   */
  fields?:
    | readonly (Kind extends "keys" ? "value" | "previous" | "time" | "expires" : "data" | "time")[]
    | undefined;
  /** Aborting is close(). */
  signal?: AbortSignal | undefined;
  /**
   * When the server no longer holds what follows the cursor: `error` ends the watcher with a
   * GapError; `snapshot` takes a snapshot and goes on. Default: "error".
   */
  onGap?: "error" | "snapshot" | undefined;
  /**
   * Events that wait for a slow consumer before the watcher gives the subscription back, to take it
   * up again when half of them are gone. Default: 10000.
   */
  maxBuffered?: number | undefined;
}

/** Where events are missing. */
export interface Gap {
  /** The oldest position that can be resumed from, where the server tells. */
  oldest: string | undefined;
  /** The position after which nothing more can be had. */
  cursor: string | undefined;
}

/** What listeners of a watcher get. */
export interface WatchListeners<Event> {
  event: (event: Event) => void;
  /** A snapshot begins: forget what an earlier one told. Its events follow. */
  snapshotStart: () => void;
  /** The snapshot was whole; what changed after `cursor` follows. */
  snapshotEnd: (cursor: string) => void;
  /** Events are missing; see `onGap`. */
  gap: (gap: Gap) => void;
  /** Nothing happened up to `cursor`. */
  bookmark: (cursor: string) => void;
  /** The subscription goes on after a lost connection. */
  reconnected: () => void;
  /** The watcher ended for this reason. */
  error: (error: Error) => void;
}

/** What a subscription is about, as the server takes it. */
export interface Wanted {
  kind: WatchKind;
  col?: string | undefined;
  match?: string | undefined;
  where?: string | undefined;
  filter?: string | undefined;
  fields?: readonly string[] | undefined;
}

/** Integers of 64 bits in an event of documents. */
export type Timestamps = { ts?: Int64; from?: Int64; to?: Int64 };
