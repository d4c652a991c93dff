export type { CallOptions } from "./call.js";
export type { FluxionRecord, KeyScope } from "./client.js";
export type { ApiKey } from "./connection.js";
export type { State } from "./core.js";
export {
  CLIENT_CODES,
  type ClientCode,
  ConflictError,
  FluxionError,
  GapError,
  TimeoutError,
} from "./errors.js";
export type { FluxionClientOptions, ReadOptions } from "./options.js";
export type * from "./protocol.js";
export type * from "./names.js";
export type { CompareAndSet, Entry, History, Patch, PatchValue, ValueWrite } from "./values.js";
export type { Watcher } from "./watch.js";
export type {
  DeletedEvent,
  DocEvent,
  DroppedEvent,
  Gap,
  InsertedEvent,
  KeyEvent,
  RemovedEvent,
  SetEvent,
  WatchKind,
  WatchListeners,
  WatchOptions,
} from "./watch_types.js";
