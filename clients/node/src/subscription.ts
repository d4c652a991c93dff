import type { Call } from "./call.js";
import type { Ready } from "./connection.js";
import type { Core, Reply, Subscriber, Wire } from "./core.js";
import { FluxionError, GapError, serverError } from "./errors.js";
import { encode } from "./exact_json.js";
import type { Gap, Wanted } from "./watch_types.js";

/** As the server sends it, before anything is taken from it. */
export interface WireEvent {
  seq: number;
  i: number;
  snapshot?: true;
}

/** Where a subscription brings what it has, in order. */
export interface Sink {
  /**
   * Events that were not brought before. `cursor`: the position that all before it make safe to
   * resume from; absent where more of it follow. `length`: of the frame, in UTF-16 units.
   */
  take(events: WireEvent[], length: number, cursor: string | undefined): void;
  bookmark(cursor: string): void;
  snapshotStart(): void;
  snapshotEnd(cursor: string): void;
  /** The snapshot that began will not be finished. */
  snapshotLost(): void;
  /** It stands, on this connection for the first time; `isAgain`: as on one before. */
  opened(isAgain: boolean): void;
  gap(gap: Gap): void;
  /** It ended; without an error because the client was closed. */
  ended(error?: FluxionError): void;
  /** No more is to come until resume(). */
  readonly isFull: boolean;
}

export interface SubscriptionSettings {
  request: Wanted;
  from: string | number | undefined;
  snapshot: boolean;
  onGap: "error" | "snapshot";
  reconnectInterval: number;
  maxReconnectInterval: number;
}

/** After these the same subscription can be had a moment later. */
const PASSING: readonly string[] = ["evicted", "busy", "too_many", "timeout"];

/**
 * One subscription as its server has it, made again after a lost connection, an eviction or a
 * pause, from the last position that was safe. What was brought before is dropped by (seq, i).
 */
export class Subscription implements Subscriber {
  private id: string | undefined;
  private call: Call<Reply> | undefined;
  private timer: unknown;
  private log = "";
  /** The position to resume from: that given, then that after the last whole frame. */
  private position: string | number | undefined;
  /** Its seq, once there is one of `log`. */
  private safeSeq = 0;
  /** The last event brought, or the end of the last whole frame. */
  private seen = { seq: -1, i: 0 };
  private needsSnapshot: boolean;
  private isInSnapshot = false;
  /** The client had been closed before. */
  private readonly wasTooLate: boolean;
  /** The connection that it stood on last. */
  private connection: Ready | undefined;
  private isPaused = false;
  private isOver = false;
  private retries = 0;

  constructor(
    private readonly core: Core,
    private readonly wire: Wire,
    private readonly settings: SubscriptionSettings,
    private readonly sink: Sink,
  ) {
    this.position = settings.from;
    this.wasTooLate = core.state === "closed";
    this.needsSnapshot = settings.snapshot;
  }

  open(): void {
    if (this.isOver || this.isPaused || this.call || this.id !== undefined) return;
    const start = this.needsSnapshot ? { snapshot: true } : { from: this.position };
    // No time limit: it waits for the connection as long as the client tries to make one.
    const payload = encode({ ...this.settings.request, ...start }, "sub");
    const call = this.core.newCall<Reply>({ timeout: 0 }, "sub");
    this.call = call;
    call.onReply = (reply) => this.opened(reply);
    call.promise.catch((error: unknown) => this.refused(error));
    this.wire.send(call, "sub", payload);
  }

  /** After a pause. */
  resume(): void {
    if (!this.isPaused) return;
    this.isPaused = false;
    this.open();
  }

  /** Resolves when the server has let go of it; the sink gets nothing more. */
  async close(): Promise<void> {
    this.isOver = true;
    this.core.platform.clearTimer(this.timer);
    // One that was sent is given back when its reply comes.
    if (this.call && !this.call.isSent) this.call.cancel();
    await this.unsubscribe();
  }

  frame(message: Reply, length: number): void {
    const seq = Number(message["seq"]);
    if (message["code"] !== undefined) {
      this.endedByServer(message, seq);
      return;
    }
    this.retries = 0;
    const events = message["events"] as WireEvent[];
    if (message["snapshot"] === true) this.snapshotFrame(events, length, seq, message["more"]);
    else this.changes(events, length, seq, message["more"]);
    // A snapshot begun anew each time would never end: it is taken whole.
    if (this.sink.isFull && !this.needsSnapshot && !this.isOver) {
      this.isPaused = true;
      void this.unsubscribe();
    }
  }

  lost(error: FluxionError): void {
    this.id = undefined;
    if (this.isOver) return;
    if (error.code === "closed") this.end();
    else if (this.core.state === "idle") this.end(error);
    else this.again();
  }

  private opened(reply: Reply): void {
    this.call = undefined;
    this.id = String(reply["id"]);
    if (this.isOver) {
      void this.unsubscribe();
      return;
    }
    this.core.subscribers.set(this.id, this);
    const before = this.connection;
    this.connection = this.core.ready;
    const log = String(reply["log"]);
    const seq = Number(reply["seq"]);
    if (log !== this.log) {
      this.safeSeq = seq;
      this.seen = { seq, i: Infinity };
    }
    this.log = log;
    // It may also have been lost while there was a pause, and nothing to lose.
    if (before !== this.connection) this.sink.opened(before !== undefined);
    this.isInSnapshot = this.needsSnapshot;
    if (this.needsSnapshot) this.sink.snapshotStart();
    else this.bring([], 0, seq);
  }

  private snapshotFrame(events: WireEvent[], length: number, seq: number, more: unknown): void {
    for (const event of events) event.snapshot = true;
    if (more === true) {
      this.sink.take(events, length, undefined);
      return;
    }
    this.needsSnapshot = false;
    this.isInSnapshot = false;
    this.bring(events, length, seq);
    this.sink.snapshotEnd(`${this.log}:${seq}`);
  }

  private changes(events: WireEvent[], length: number, seq: number, more: unknown): void {
    const fresh = events.filter((event) => this.isNew(event));
    const last = fresh.at(-1);
    if (last) this.seen = { seq: last.seq, i: last.i };
    if (more === true) {
      this.sink.take(fresh, length, undefined);
      return;
    }
    this.bring(fresh, length, seq);
    if (events.length === 0) this.sink.bookmark(`${this.log}:${this.safeSeq}`);
  }

  private isNew({ seq, i }: WireEvent): boolean {
    return seq > this.seen.seq || (seq === this.seen.seq && i > this.seen.i);
  }

  /** Events after which it is safe to resume from `seq`. */
  private bring(events: WireEvent[], length: number, seq: number): void {
    if (seq > this.safeSeq) this.safeSeq = seq;
    if (seq >= this.seen.seq) this.seen = { seq, i: Infinity };
    this.position = `${this.log}:${this.safeSeq}`;
    this.sink.take(events, length, this.position);
  }

  private endedByServer(message: Reply, seq: number): void {
    this.core.subscribers.delete(this.id!);
    this.id = undefined;
    const { error: text, code, oldest } = message;
    const error = serverError({ error: text, code, ...(oldest == null ? {} : { oldest }) }, "sub");
    if (error.code === "compacted") this.gap(error);
    else if (!PASSING.includes(error.code)) this.end(error);
    else {
      if (!this.needsSnapshot) this.bring([], 0, seq);
      this.againLater();
    }
  }

  private refused(error: unknown): void {
    this.call = undefined;
    if (this.isOver) return;
    if (!(error instanceof FluxionError)) throw error;
    if (error.code === "compacted" && !this.needsSnapshot) this.gap(error);
    else if (error.code === "connection_lost") this.lost(error);
    else if (error.code === "closed" && !this.wasTooLate) this.end();
    else if (PASSING.includes(error.code) && this.connection) this.againLater();
    else this.end(error);
  }

  private gap(error: FluxionError): void {
    const oldest = error.data["oldest"] === undefined ? undefined : String(error.data["oldest"]);
    const cursor = this.position === undefined ? undefined : String(this.position);
    this.sink.gap({ oldest, cursor });
    if (this.settings.onGap === "error") {
      this.end(new GapError(error.message, error.data, oldest));
      return;
    }
    this.needsSnapshot = true;
    this.open();
  }

  private again(): void {
    if (this.isInSnapshot) this.sink.snapshotLost();
    this.isInSnapshot = false;
    this.open();
  }

  /** With full jitter, as for connections. */
  private againLater(): void {
    const { reconnectInterval, maxReconnectInterval } = this.settings;
    const most = Math.min(maxReconnectInterval, reconnectInterval * 2 ** this.retries++);
    const { platform } = this.core;
    this.timer = platform.setTimer(() => this.again(), platform.random() * most);
  }

  private async unsubscribe(): Promise<void> {
    const id = this.id;
    if (id === undefined) return;
    this.id = undefined;
    this.core.subscribers.delete(id);
    if (this.core.state !== "ready") return;
    const call = this.core.newCall<Reply>({}, "unsub");
    this.wire.send(call, "unsub", encode({ sub: id }, "unsub"));
    await call.promise.catch(() => {}); // it is gone with its connection, or was gone before
  }

  private end(error?: FluxionError): void {
    this.isOver = true;
    this.sink.ended(error);
  }
}
