import { FluxionError, TimeoutError } from "./errors.js";
import type { Platform } from "./platform.js";

/** How long a call may take, and what can stop it. */
export interface CallOptions {
  /** Milliseconds from the call to its reply; 0 is no limit. Default: `requestTimeout`. */
  timeout?: number | undefined;
  /** Aborting rejects the call with `signal.reason`. What was sent may be done all the same. */
  signal?: AbortSignal | undefined;
}

/** The longest time that timers take; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A promise that settles once: by a reply, its time limit or its signal. */
export class Call<T> {
  readonly promise: Promise<T>;
  /** Whether it reached the socket. */
  isSent = false;
  isSettled = false;
  /** Called with the reply at once; those who await `promise` hear of it later. */
  onReply: ((value: T) => void) | undefined;
  /** Called when the time limit or the signal settled it. */
  onGone: (() => void) | undefined;
  private timer: unknown;
  private resolvePromise!: (value: T) => void;
  private rejectPromise!: (reason: unknown) => void;

  constructor(
    private readonly platform: Platform,
    readonly timeoutMs: number,
    private readonly signal: AbortSignal | undefined,
    /** The type of the request; undefined: it waits for the connection only. */
    readonly type?: string,
  ) {
    this.promise = new Promise<T>((resolve, reject) => {
      this.resolvePromise = resolve;
      this.rejectPromise = reject;
    });
    if (signal?.aborted) {
      this.reject(signal.reason);
      return;
    }
    signal?.addEventListener("abort", this.onAbort);
    if (timeoutMs > 0 && timeoutMs <= MAX_TIMER_MS) {
      this.timer = platform.setTimer(() => this.onTimeout(), timeoutMs);
    }
  }

  resolve(value: T): void {
    if (!this.settle()) return;
    this.onReply?.(value);
    this.resolvePromise(value);
  }

  reject(reason: unknown): void {
    if (this.settle()) this.rejectPromise(reason);
  }

  /** Gives it up; nobody waits for it any more. */
  cancel(): void {
    this.reject(new FluxionError("closed", "nobody waits for this call"));
    this.onGone?.();
  }

  private settle(): boolean {
    if (this.isSettled) return false;
    this.isSettled = true;
    this.platform.clearTimer(this.timer);
    this.signal?.removeEventListener("abort", this.onAbort);
    return true;
  }

  private readonly onAbort = (): void => {
    this.reject(this.signal?.reason);
    this.onGone?.();
  };

  private onTimeout(): void {
    const what = this.isSent ? "no reply" : "no connection";
    const text = `${what} within ${this.timeoutMs} ms`;
    const error =
      this.type === undefined
        ? new FluxionError("connection_failed", text)
        : new TimeoutError(text, this.isSent, this.type);
    this.reject(error);
    this.onGone?.();
  }
}
