import type { Core, Wire } from "./core.js";
import { Emitter, throwLater } from "./emitter.js";
import { FluxionError, GapError } from "./errors.js";
import { type Sink, Subscription, type WireEvent } from "./subscription.js";
import { WatchBuffer } from "./watch_buffer.js";
import { watchSettings } from "./watch_options.js";
import type { Timestamps, WatchKind, WatchListeners, WatchOptions } from "./watch_types.js";

/** Frames that wait for a slow consumer, in UTF-16 units, before the subscription is given back. */
const MAX_BUFFERED_LENGTH = 16 * 1024 * 1024;

interface Waiter<Event> {
  resolve(result: IteratorResult<Event, undefined>): void;
  reject(error: FluxionError): void;
}

/**
 * What changes, each event once and in order: by `for await`, or by listeners of `event`. It
 * outlives lost connections. Where there is both, the loop sets the pace. Breaking out of the loop
 * is close().
 */
export class Watcher<Event> implements AsyncIterableIterator<Event> {
  private readonly emitter = new Emitter<WatchListeners<Event>>();
  private readonly buffer = new WatchBuffer<Event>();
  private readonly subscription: Subscription;
  private readonly maxEvents: number;
  private readonly signal: AbortSignal | undefined;
  private readonly isExact: boolean;
  private waiters: Waiter<Event>[] = [];
  private isPulled = false;
  private isPumping = false;
  private isOver = false;
  private now: string | undefined;
  private resolveReady: () => void = () => {};
  private rejectReady: (error: Error) => void = () => {};

  /** Resolves when the server says so; rejects if it refused, or close() came first. */
  readonly ready: Promise<void>;

  /** Made by `client.watch`. @throws TypeError for options that make no sense */
  constructor(core: Core, wire: Wire, options: WatchOptions<WatchKind>, isExact: boolean) {
    const { maxEvents, signal, ...settings } = watchSettings(options);
    const { reconnectInterval, maxReconnectInterval } = core.settings;
    const times = { reconnectInterval, maxReconnectInterval };
    this.maxEvents = maxEvents;
    this.signal = signal;
    this.isExact = isExact && options.kind === "docs";
    this.now = typeof settings.from === "string" ? settings.from : undefined;
    this.ready = new Promise((resolve, reject) => {
      this.resolveReady = resolve;
      this.rejectReady = reject;
    });
    this.ready.catch(() => {}); // whoever does not ask for it hears otherwise
    this.subscription = new Subscription(core, wire, { ...settings, ...times }, this.sink());
    if (signal?.aborted) void this.close();
    else {
      signal?.addEventListener("abort", this.onAbort);
      this.subscription.open();
    }
  }

  /**
   * `<log>:<seq>`: up to here everything was handed out. A later watcher goes on from it with
   * `from`. Undefined before the server answered, and before the end of a first snapshot.
   */
  get cursor(): string | undefined {
    return this.now;
  }

  /** Whether it ended: by close(), or by an error. */
  get closed(): boolean {
    return this.isOver;
  }

  /** Listeners of `event` get events as they come, unless a loop takes them. */
  on<Name extends keyof WatchListeners<Event>>(
    name: Name,
    listener: WatchListeners<Event>[Name],
  ): this {
    this.emitter.add(name, listener);
    // Later, so that a program can first add all of its listeners, or begin its loop.
    if (name === "event") queueMicrotask(() => this.pump());
    return this;
  }

  off<Name extends keyof WatchListeners<Event>>(
    name: Name,
    listener: WatchListeners<Event>[Name],
  ): this {
    this.emitter.remove(name, listener);
    return this;
  }

  [Symbol.asyncIterator](): this {
    this.isPulled = true;
    return this;
  }

  /** The next event; done after close(). Rejects once with the error that ended it. */
  next(): Promise<IteratorResult<Event, undefined>> {
    this.isPulled = true;
    return new Promise((resolve, reject) => {
      if (this.isOver) return resolve({ done: true, value: undefined });
      this.waiters.push({ resolve, reject });
      this.pump();
    });
  }

  /** What `break` calls: close(), without waiting for the server. */
  return(): Promise<IteratorResult<Event, undefined>> {
    void this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  /** Hands out nothing more. Resolves when the server has let go of the subscription. */
  async close(): Promise<void> {
    this.finish();
    await this.subscription.close();
  }

  private readonly onAbort = (): void => void this.close();

  private sink(): Sink {
    const add = (change: () => void): void => {
      if (this.isOver) return;
      change();
      this.pump();
    };
    const { buffer, emitter } = this;
    const { maxEvents } = this;
    return {
      take: (events, length, cursor) =>
        add(() => {
          buffer.addEvents(this.read(events), length);
          if (cursor !== undefined) buffer.addCursor(cursor, false);
        }),
      bookmark: (cursor) => add(() => buffer.addCursor(cursor, true)),
      snapshotStart: () => add(() => buffer.addSnapshotStart()),
      snapshotEnd: (cursor) =>
        add(() => buffer.addNews(() => emitter.emit("snapshotEnd", cursor))),
      snapshotLost: () => buffer.dropSnapshot(),
      opened: (isAgain) => {
        this.resolveReady();
        if (isAgain && !this.isOver) emitter.emit("reconnected");
      },
      gap: (gap) => add(() => buffer.addNews(() => emitter.emit("gap", gap))),
      ended: (error) => {
        if (!error) this.finish();
        else {
          this.rejectReady(error);
          add(() => buffer.addNews(() => this.fail(error)));
        }
      },
      get isFull() {
        return buffer.events > maxEvents || buffer.length > MAX_BUFFERED_LENGTH;
      },
    };
  }

  /** Hands out what the consumer takes now. */
  private pump(): void {
    if (this.isPumping) return; // a listener called what leads here; the loop below goes on
    this.isPumping = true;
    for (;;) {
      this.moveCursor();
      const head = this.buffer.head;
      const flows = !this.isPulled && this.emitter.has("event");
      if (!head || (!flows && this.waiters.length === 0)) break;
      if (head.kind === "events") {
        const event = this.buffer.takeEvent()!;
        this.moveCursor(); // whoever gets the last of a frame may save it
        this.waiters.shift()?.resolve({ done: false, value: event });
        this.emitter.emit("event", event);
        continue;
      }
      this.buffer.drop();
      if (head.kind === "cursor") this.emitter.emit("bookmark", head.cursor);
      else if (head.kind === "start") this.emitter.emit("snapshotStart");
      else head.run();
    }
    this.isPumping = false;
    const { events, length } = this.buffer;
    const isLow = events <= this.maxEvents / 2 && length <= MAX_BUFFERED_LENGTH / 2;
    if (isLow && !this.isOver) this.subscription.resume();
  }

  /** To the positions at the head; a bookmark stays there to be told. */
  private moveCursor(): void {
    const head = this.buffer.head;
    if (head?.kind !== "cursor") return;
    this.now = head.cursor;
    if (!head.isBookmark) this.buffer.drop();
  }

  private read(events: WireEvent[]): Event[] {
    if (this.isExact) {
      // The reader makes a bigint only of what a number would round.
      for (const event of events as Timestamps[]) {
        for (const name of ["ts", "from", "to"] as const) {
          const value = event[name];
          if (value !== undefined) event[name] = BigInt(value);
        }
      }
    }
    return events as Event[];
  }

  private fail(error: FluxionError): void {
    const waiter = this.waiters.shift();
    const isHeard =
      waiter !== undefined ||
      this.emitter.has("error") ||
      (error instanceof GapError && this.emitter.has("gap"));
    this.finish();
    waiter?.reject(error);
    this.emitter.emit("error", error);
    if (!isHeard) throwLater(error);
  }

  private finish(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.buffer.clear();
    this.signal?.removeEventListener("abort", this.onAbort);
    this.rejectReady(new FluxionError("closed", "the watcher was closed", { type: "sub" }));
    const { waiters } = this;
    this.waiters = [];
    for (const { resolve } of waiters) resolve({ done: true, value: undefined });
  }
}
