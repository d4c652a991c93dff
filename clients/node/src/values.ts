import { encode, wireInt } from "./exact_json.js";
import type { Commands, Int64, MvalWrite } from "./protocol.js";
import {
  type CallOptions,
  type Limits,
  type ReadOptions,
  type Replied,
  type Request,
  Requester,
  withIntegers,
} from "./requester.js";

/**
 * What `getEntry` resolves to. Without such a key `value` is "" and `ver` that of its removal, or
 * 0. `expires` is there where the key has a moment of expiry.
 */
export type Entry = Commands["gval"]["reply"];

/** What `history` resolves to. */
export type History = Commands["hval"]["reply"];

/** What is merged into a value: an object, or any JSON as text. */
export type Patch = object | string;

/** A value to merge into a key; see `patchValue`. */
export interface PatchValue extends Omit<Request<"pval">, "value" | "delete_nulls"> {
  value: Patch;
  /** Remove the fields that are null in the patch (RFC 7386) instead of storing null. */
  deleteNulls?: boolean | undefined;
}

/** To set only where the key has the version `expected`; 0: only if there is no such key. */
export interface CompareAndSet extends Omit<Request<"sval">, "ver"> {
  expected: Int64;
}

/** One of the writes of `writeValues`. All of one call are done, or none. */
export type ValueWrite =
  | { op: "set"; key: string; value: string; ver?: Int64; ttl?: Int64 }
  | {
      op: "patch";
      key: string;
      value: Patch;
      ver?: Int64;
      ttl?: Int64;
      deleteNulls?: boolean | undefined;
    }
  | { op: "remove"; key: string; ver?: Int64 }
  | { op: "check"; key: string; ver: Int64 };

/** The methods of keys and their values. */
export class ValueMethods<Ts extends "number" | "bigint"> extends Requester<Ts> {
  /**
   * Sets a key; the reply's `ver` is its new version. With `ver` only if the key has that version
   * (0: only if there is none), else it rejects with a ConflictError. With `ttl` the key expires
   * after so many milliseconds; without, it stays, also where it had a moment of expiry.
   */
  setValue(entry: Request<"sval">, limits?: Limits<CallOptions>): Replied<"sval"> {
    return this.ask("sval", entry, limits, ["ver", "ttl"]);
  }

  /**
   * Merges JSON into the value of a key: objects field by field, all else is replaced; an absent
   * key becomes the patch. Without `ttl` the moment of expiry stays; 0 ends it.
   */
  async patchValue(patch: PatchValue, limits?: Limits<CallOptions>): Replied<"pval"> {
    return await this.ask("pval", wirePatch(patch, "pval"), limits, ["ver", "ttl"]);
  }

  /** `setValue` with the version that is `expected`; rejects with a ConflictError at another. */
  async compareAndSet(entry: CompareAndSet, limits?: Limits<CallOptions>): Replied<"sval"> {
    const { expected, ...rest } = entry;
    const payload = { ...rest, ver: wireInt(expected, "expected", "sval") };
    return await this.ask("sval", payload as Request<"sval">, limits, ["ttl"]);
  }

  /**
   * Several writes of one collection, each key once: all, or none and a ConflictError that names
   * the `key`. The reply's `vers` has the version of each key afterwards.
   */
  async writeValues(
    what: { col: string; writes: readonly ValueWrite[] },
    limits?: Limits<CallOptions>,
  ): Replied<"mval"> {
    const writes = what.writes.map((write) => {
      const wire = write.op === "patch" ? wirePatch(write, "mval") : write;
      return withIntegers(wire as MvalWrite, ["ver", "ttl"], "mval");
    });
    return await this.ask("mval", { ...what, writes }, limits);
  }

  /** The value of a key, "" when there is none. */
  async getValue(what: Request<"gval">, limits?: Limits<ReadOptions>): Promise<string> {
    return (await this.ask("gval", what, limits)).value;
  }

  /** The value of a key, its version, when it expires, and whether there is such a key. */
  async getEntry(what: Request<"gval">, limits?: Limits<ReadOptions>): Promise<Entry> {
    const { value, found, ver, expires } = await this.ask("gval", what, limits);
    return { value, found, ver, ...(expires === undefined ? {} : { expires }) };
  }

  /**
   * The versions of a key that the log still holds, newest first: at most `limit` (100 by default),
   * all below `before` where that is given. `more`: there are older ones.
   */
  async history(what: Request<"hval">, limits?: Limits<ReadOptions>): Promise<History> {
    const { versions, more } = await this.ask("hval", what, limits, ["limit", "before"]);
    return { versions, more };
  }

  /** Keys with their values: all, or those that `key`, a name or `/pattern/flags`, matches. */
  async getValues(
    what: Request<"gvalues">,
    limits?: Limits<ReadOptions>,
  ): Promise<Record<string, string>> {
    return (await this.ask(what.key ? "gvalues" : "gvals", what, limits)).values;
  }

  /** The names of all keys of a collection. */
  async getKeys(what: Request<"gkeys">, limits?: Limits<ReadOptions>): Promise<string[]> {
    return (await this.ask("gkeys", what, limits)).keys;
  }

  /** Removes a key; with `ver` only if it has that version. */
  deleteValue(what: Request<"rval">, limits?: Limits<CallOptions>): Replied<"rval"> {
    return this.ask("rval", what, limits, ["ver"]);
  }
}

/** @throws FluxionError `bad_json` for a patch with half of a surrogate pair */
function wirePatch<P extends { value: Patch; deleteNulls?: boolean | undefined }>(
  { deleteNulls, value, ...rest }: P,
  type: "pval" | "mval",
): Omit<P, "value" | "deleteNulls"> & { value: string; delete_nulls?: boolean } {
  const text = typeof value === "string" ? value : encode(value, type);
  return { ...rest, value: text, ...(deleteNulls == null ? {} : { delete_nulls: deleteNulls }) };
}
