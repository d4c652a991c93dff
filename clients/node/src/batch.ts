import type { Call } from "./call.js";
import { closedError, type Core, type Reply, type Wire } from "./core.js";
import { copyOf, FluxionError } from "./errors.js";

export interface BatchSettings {
  maxRecords: number;
  maxDelayMs: number;
  /** The most bytes that one message may have. */
  maxMessageBytes: number;
}

/**
 * Most payload of one joined frame, in UTF-16 units: at most 3 MiB, far below what a server takes
 * by default (16 MiB). One insert may be longer; it goes alone.
 */
const MAX_JOINED_LENGTH = 1024 * 1024;
/** UTF-8 has at most so many bytes for a UTF-16 unit. */
const MAX_UNIT_BYTES = 3;
/** More than what stands around the payload. */
const ENVELOPE_BYTES = 100;

/**
 * Refusals that one part alone may have caused. The server inserts all records of a frame or none,
 * so after these the other parts can be sent again without doing anything twice.
 */
const ONE_PART_MAY_BE_BAD: readonly string[] = ["bad_request", "bad_json", "too_large", "too_many"];

interface Item {
  call: Call<Reply>;
  type: string;
  payload: string;
  minSeq?: string | number | undefined;
  /** Of an insert that may be joined; 0 for everything else. */
  records: number;
}

/**
 * Joins inserts that wait at the same moment into one `ins`. While a frame of several callers is
 * under way everything after it waits for its reply: should it be refused, its parts are sent on
 * their own, and still before what was called after them.
 */
export class Batcher implements Wire {
  private queue: Item[] = [];
  private isHeld = false;
  private timer: unknown;
  private readonly maxLength: number;

  constructor(
    private readonly core: Core,
    private readonly settings: BatchSettings,
  ) {
    const room = Math.floor((settings.maxMessageBytes - ENVELOPE_BYTES) / MAX_UNIT_BYTES);
    this.maxLength = Math.min(MAX_JOINED_LENGTH, room);
  }

  /** One insert; `payload` is its records' JSON with commas between. */
  insert(call: Call<Reply>, payload: string, records: number): void {
    this.add({ call, type: "ins", payload, records });
  }

  send(call: Call<Reply>, type: string, payload: string, minSeq?: string | number): void {
    this.add({ call, type, payload, minSeq, records: 0 });
  }

  /** Rejects what has not been handed on. */
  close(): void {
    this.stopTimer();
    const items = this.queue;
    this.queue = [];
    for (const { call } of items) call.reject(closedError(false, call.type));
  }

  private add(item: Item): void {
    if (item.call.isSettled) return;
    item.call.onGone = () => {
      const at = this.queue.indexOf(item);
      if (at !== -1) this.queue.splice(at, 1);
    };
    this.queue.push(item);
    this.pump(false);
  }

  private pump(isTime: boolean): void {
    // What is called after close() need not wait to be refused.
    const isDue = isTime || this.settings.maxDelayMs === 0 || this.core.state === "closed";
    while (!this.isHeld && this.queue.length > 0) {
      const { count, isFull } = this.joinable();
      if (count === 0) this.sendAlone(this.queue.shift()!);
      else if (isDue || isFull) this.sendJoined(count);
      else {
        this.timer ??= this.core.platform.setTimer(() => {
          this.timer = undefined;
          this.pump(true);
        }, this.settings.maxDelayMs);
        return;
      }
    }
    this.stopTimer();
  }

  /** How many inserts at the head go into one frame, and whether no later one could join. */
  private joinable(): { count: number; isFull: boolean } {
    let count = 0;
    let records = 0;
    let length = 0;
    for (const item of this.queue) {
      records += item.records;
      length += item.payload.length + 1;
      const isOver = records > this.settings.maxRecords || length > this.maxLength;
      if (item.records === 0 || (isOver && count > 0)) return { count, isFull: true };
      count++;
      if (isOver) break;
    }
    return { count, isFull: records >= this.settings.maxRecords || length >= this.maxLength };
  }

  private sendAlone({ call, type, payload, minSeq, records }: Item): void {
    this.core.send(call, type, records > 0 ? `[${payload}]` : payload, minSeq);
  }

  private sendJoined(count: number): void {
    const items = this.queue.splice(0, count);
    if (items.length === 1) {
      this.sendAlone(items[0]!);
      return;
    }
    this.isHeld = true;
    const limits = items.map(({ call }) => call.timeoutMs);
    const timeout = limits.includes(0) ? 0 : Math.max(...limits);
    const frame = this.core.newCall<Reply>({ timeout }, "ins");
    for (const { call } of items) {
      call.isSent = true; // from here on it may be, whatever becomes of its caller
      call.onGone = () => {
        if (!frame.isSent && items.every((item) => item.call.isSettled)) frame.cancel();
      };
    }
    this.core.send(frame, "ins", `[${items.map(({ payload }) => payload).join(",")}]`);
    const refused = (error: unknown): void => {
      const isOnePart =
        error instanceof FluxionError && ONE_PART_MAY_BE_BAD.includes(error.code);
      for (const item of items) {
        if (isOnePart) this.sendAlone(item);
        else item.call.reject(error instanceof FluxionError ? copyOf(error) : error);
      }
    };
    void frame.promise
      .then((reply) => items.forEach(({ call }) => call.resolve({ ...reply })), refused)
      .then(() => {
        this.isHeld = false;
        this.pump(true);
      });
  }

  private stopTimer(): void {
    this.core.platform.clearTimer(this.timer);
    this.timer = undefined;
  }
}
