/// <reference lib="esnext.disposable" preserve="true" />
import type { State } from "./core.js";
import { withCallersStack } from "./errors.js";
import { encode, wireInt } from "./exact_json.js";
import { callOptions } from "./options.js";
import type { Commands, ConnEntry, KeysEntry, QryEntry, Scope } from "./protocol.js";
import type { CallOptions, Limits, ReadOptions, Replied, Request } from "./requester.js";
import { ValueMethods } from "./values.js";
import { Watcher } from "./watch.js";
import type { EventOf, WatchKind, WatchOptions } from "./watch_types.js";

type Timestamp<Ts> = Ts extends "bigint" ? bigint : number;

/** A scope to give to a key; case, `-`, `_`, space and comma do not count. */
export type KeyScope = Exclude<Scope, "master"> | (string & {});
/** A record to insert. `ts` is an integer in whatever unit you use. */
export type FluxionRecord = Commands["ins"]["request"][number];

/**
 * A client of one server, safe for any number of calls at once. The first call connects. Every
 * method rejects with a FluxionError, or with the reason of an aborted signal, or, where it is
 * misused, with a TypeError. What one client is asked takes effect in the order of the calls.
 */
export class Client<Ts extends "number" | "bigint"> extends ValueMethods<Ts> {
  /** What the connection is doing. */
  get state(): State {
    return this.core.state;
  }

  /** The id of the server's history, as of the latest connection; undefined before the first. */
  get log(): string | undefined {
    return this.core.ready?.log;
  }

  /**
   * `<log>:<seq>`: the newest of what the server had when it was connected to and the writes of
   * this client that are done. Another client's `minSeq` takes it. Undefined before `ready`.
   */
  get position(): string | undefined {
    return this.core.position;
  }

  /** Calls `listener` at every change of `state`; returns what ends that. */
  onStateChange(listener: (state: State) => void): () => void {
    return this.core.onStateChange(listener);
  }

  /**
   * Resolves when connected, also again after close(). Optional: the first request connects too.
   * The limit is `connectTimeout` unless given here. Where `maxReconnectAttempts` is set, a first
   * attempt that fails is followed by up to so many more, and without a limit given here all are
   * waited for.
   */
  async connect(limits?: Limits<CallOptions>): Promise<void> {
    try {
      await this.core.connect(callOptions(limits));
    } catch (error) {
      throw withCallersStack(error);
    }
  }

  /** Rejects what is pending with `closed`, and leaves no socket and no timer behind. */
  async close(): Promise<void> {
    this.batcher?.close();
    await this.core.close();
  }

  /** Inserts one record; one with the same `col`, `doc` and `ts` is replaced. */
  insertSingleRecord(record: FluxionRecord, limits?: Limits<CallOptions>): Replied<"ins"> {
    return this.insertMultipleRecords([record], limits);
  }

  /**
   * Inserts all of the records or, if one is refused, none. Insert large amounts in pieces of, say,
   * 10,000 records: together they must stay below `maxMessageBytes`.
   */
  insertMultipleRecords(
    records: readonly FluxionRecord[],
    limits?: Limits<CallOptions>,
  ): Replied<"ins"> {
    const payload = (): string => {
      const texts = records.map(({ ts, doc, data, col }) =>
        encode({ ts: wireInt(ts, "ts", "ins"), doc, data, col }, "ins"),
      );
      return texts.join(",");
    };
    return this.exchange("ins", payload, limits, (call, text) => {
      if (this.batcher && text !== "") this.batcher.insert(call, text, records.length);
      else this.wire.send(call, "ins", `[${text}]`);
    });
  }

  /** The names of all collections. */
  async fetchCollections(limits?: Limits<ReadOptions>): Promise<string[]> {
    return (await this.ask("cols", {}, limits)).collections;
  }

  /**
   * For each document its latest record with timestamp at most `ts`, unless that record is older
   * than `from` or does not pass `where` and `filter`. `doc`: a name or `/pattern/flags`.
   */
  async fetchLatestRecords(
    query: Request<"qry">,
    limits?: Limits<ReadOptions>,
  ): Promise<Record<string, QryEntry<Timestamp<Ts>>>> {
    const { records } = await this.ask("qry", query, limits, ["ts", "from"]);
    this.exactTimestamps(Object.values(records));
    return records as Record<string, QryEntry<Timestamp<Ts>>>;
  }

  /** The records of one document, `from` to `to`, both included. */
  async fetchDocument(
    query: Request<"qdoc">,
    limits?: Limits<ReadOptions>,
  ): Promise<QryEntry<Timestamp<Ts>>[]> {
    const { records } = await this.ask("qdoc", query, limits, ["from", "to", "limit"]);
    this.exactTimestamps(records);
    return records as QryEntry<Timestamp<Ts>>[];
  }

  /** Deletes a document from one collection or, without `col`, from all. */
  deleteDocument(what: Request<"ddoc">, limits?: Limits<CallOptions>): Replied<"ddoc"> {
    return this.ask("ddoc", what, limits);
  }

  /** Deletes a collection, its records and its keys. */
  deleteCollection(what: Request<"dcol">, limits?: Limits<CallOptions>): Replied<"dcol"> {
    return this.ask("dcol", what, limits);
  }

  /** Deletes one record. */
  deleteRecord(what: Request<"drec">, limits?: Limits<CallOptions>): Replied<"drec"> {
    return this.ask("drec", what, limits, ["ts"]);
  }

  /** Deletes several records, all or none. */
  async deleteMultipleRecords(
    records: readonly Commands["dmrec"]["request"][number][],
    limits?: Limits<CallOptions>,
  ): Replied<"dmrec"> {
    const list = records.map(({ col, doc, ts }) => ({ col, doc, ts: wireInt(ts, "ts", "dmrec") }));
    return await this.ask("dmrec", list, limits);
  }

  /** Deletes the records of a document from `fromTs` to `toTs`, both included. */
  deleteRecordsRange(
    what: Request<"drrng">,
    limits?: Limits<CallOptions>,
  ): Replied<"drrng"> {
    return this.ask("drrng", what, limits, ["fromTs", "toTs"]);
  }

  /**
   * What changes from now on, or after `from`, or what there is and what changes: see Watcher. It
   * watches at once and in the order of the calls; `ready` tells when the server said so.
   * @throws TypeError for options that make no sense
   */
  watch<Kind extends WatchKind>(
    options: WatchOptions<Kind>,
  ): Watcher<EventOf<Kind, Timestamp<Ts>>> {
    return new Watcher(this.core, this.wire, options, this.isExact);
  }

  /** Adds an API key, or changes the scope of one. Only with the master key, as the next two. */
  addApiKey(
    what: { key: string; scope: KeyScope },
    limits?: Limits<CallOptions>,
  ): Replied<"keys"> {
    return this.ask("keys", { action: "add", key: what.key, scope: what.scope }, limits);
  }

  /** Removes an API key and closes its connections; `not_found` if there is none. */
  removeApiKey(what: { key: string }, limits?: Limits<CallOptions>): Replied<"keys"> {
    return this.ask("keys", { action: "remove", key: what.key }, limits);
  }

  /** All API keys, shortened to the first 4 characters and 8 digits of a hash. */
  async listApiKeys(limits?: Limits<CallOptions>): Promise<KeysEntry[]> {
    return (await this.ask("keys", { action: "list" }, limits)).keys ?? [];
  }

  /** The connections that are open now; `since` is milliseconds connected. */
  async getConnections(limits?: Limits<ReadOptions>): Promise<ConnEntry[]> {
    return (await this.ask("conn", {}, limits)).connections;
  }

  /** The reader makes a bigint only of what a number would round. */
  private exactTimestamps(records: { ts: number | bigint }[]): void {
    if (this.isExact) for (const record of records) record.ts = BigInt(record.ts);
  }
}

export interface Client<Ts extends "number" | "bigint"> extends AsyncDisposable {}
// Node 18 before 18.18 and older browsers have no such symbol.
if (Symbol.asyncDispose) {
  Client.prototype[Symbol.asyncDispose] = function (this: Client<"number" | "bigint">) {
    return this.close();
  };
}
