import { Batcher } from "./batch.js";
import type { Call, CallOptions } from "./call.js";
import { Core, type Reply, type Wire } from "./core.js";
import { withCallersStack } from "./errors.js";
import { encode, wireInt } from "./exact_json.js";
import {
  callOptions,
  type FluxionClientOptions,
  type ReadOptions,
  withDefaults,
} from "./options.js";
import type { Platform } from "./platform.js";
import type { Commands, Int64, Token } from "./protocol.js";

export type Request<T extends Token> = Omit<Commands[T]["request"], "min_seq">;
/** `id` is that of the message which carried the write. */
export type Replied<T extends Token> = Promise<Commands[T]["reply"] & { id: string }>;
/** The second argument of every method: a time limit in milliseconds, or more. */
export type Limits<Options> = number | Options | undefined;
export type { CallOptions, ReadOptions };

/** Makes a request of a method's arguments, and of its reply what the method resolves to. */
export class Requester<Ts extends "number" | "bigint"> {
  protected readonly core: Core;
  protected readonly batcher: Batcher | undefined;
  protected readonly wire: Wire;
  protected readonly isExact: boolean;

  /** @throws TypeError for an option that makes no sense */
  constructor(options: FluxionClientOptions<Ts>, platform: Platform) {
    const { batch, ...settings } = withDefaults(options);
    const { host } = new URL(settings.url);
    const log = (line: string): void => console.log(`fluxion ${host}: ${line}`);
    this.core = new Core({ ...settings, log: options.showLogs ? log : () => {} }, platform);
    this.batcher = batch && new Batcher(this.core, batch);
    this.wire = this.batcher ?? this.core;
    this.isExact = settings.exact;
  }

  /** `names` are those of the integers in the payload. */
  protected ask<T extends Token, P extends object>(
    type: T,
    payload: P,
    limits: Limits<ReadOptions>,
    names: readonly (keyof P & string)[] = [],
  ): Replied<T> {
    const text = (): string => {
      return encode(names.length === 0 ? payload : withIntegers(payload, names, type), type);
    };
    return this.exchange(type, text, limits, (call, json, minSeq) =>
      this.wire.send(call, type, json, minSeq),
    );
  }

  /** The one place where calls wait, so that whatever fails in them rejects. */
  protected async exchange<T extends Token>(
    type: T,
    payload: () => string,
    limits: Limits<ReadOptions>,
    send: (call: Call<Reply>, payload: string, minSeq: ReadOptions["minSeq"]) => void,
  ): Replied<T> {
    const options = callOptions(limits);
    const text = payload();
    const call = this.core.newCall<Reply>(options, type);
    send(call, text, options.minSeq);
    try {
      return (await call.promise) as unknown as Awaited<Replied<T>>;
    } catch (error) {
      throw withCallersStack(error);
    }
  }
}

/** The payload with those of its integers that are there as they go into a request. */
export function withIntegers<P extends object>(
  payload: P,
  names: readonly (keyof P & string)[],
  type: Token,
): Record<string, unknown> {
  const result = { ...payload } as Record<string, unknown>;
  for (const name of names) {
    const value = payload[name] as Int64 | null | undefined;
    if (value != null) result[name] = wireInt(value, name, type);
  }
  return result;
}
