import { FluxionError } from "./errors.js";

const MIN_INT64 = -(2n ** 63n);
const MAX_INT64 = 2n ** 63n - 1n;

/**
 * An integer as it goes into a request: a number where that is exact, else its decimal digits in a
 * string, which the server reads as the same integer. `type` is the request's, for the error.
 * @throws FluxionError `bad_request` for what is not exact, or not a signed 64-bit integer
 */
export function wireInt(value: number | bigint, name: string, type?: string): number | string {
  if (typeof value === "number") {
    if (Number.isSafeInteger(value)) return value;
    const why = `is ${value}, which is not an exact integer; beyond 2^53 use a bigint`;
    throw refused(name, why, type);
  }
  if (typeof value !== "bigint") throw refused(name, "must be a number or a bigint", type);
  if (value < MIN_INT64 || value > MAX_INT64) {
    throw refused(name, `is ${value}, outside the signed 64-bit range`, type);
  }
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
}

function refused(name: string, why: string, type: string | undefined): FluxionError {
  return new FluxionError("bad_request", `${name} ${why}`, { type });
}

/**
 * JSON.stringify for the wire, where a lone surrogate has no place: UTF-8 cannot hold it.
 * @throws FluxionError `bad_json`
 */
export function encode(value: object, type?: string): string {
  const text = JSON.stringify(value);
  // JSON.stringify escapes only the lone ones; the backslash of the escape must not be escaped.
  if (text.includes("\\ud") && /[^\\](?:\\\\)*\\ud[89a-f]/.test(text)) {
    throw new FluxionError("bad_json", "a string holds half of a surrogate pair", { type });
  }
  return text;
}

/** JSON.parse, except that integers that a number would round come back as bigint. */
export function parseExact(text: string): unknown {
  // No number of 16 digits means nothing to round, which JSON.parse reads many times faster.
  return /\d{16}/.test(text) ? new Reader(text).document() : JSON.parse(text);
}

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;

class Reader {
  private at = 0;

  constructor(private readonly text: string) {}

  document(): unknown {
    const value = this.value();
    if (this.at !== this.text.length) this.fail();
    return value;
  }

  private value(): unknown {
    this.space();
    const value = this.bare();
    this.space();
    return value;
  }

  private bare(): unknown {
    switch (this.text[this.at]) {
      case "{":
        return this.object();
      case "[":
        return this.array();
      case '"':
        return this.string();
      case "t":
        return this.word("true", true);
      case "f":
        return this.word("false", false);
      case "n":
        return this.word("null", null);
      default:
        return this.number();
    }
  }

  private object(): Record<string, unknown> {
    const object: Record<string, unknown> = {};
    this.list("}", () => {
      this.space();
      const key = this.string();
      this.space();
      this.expect(":");
      const value = this.value();
      // A plain assignment to this name would set the prototype instead of a property.
      if (key !== "__proto__") object[key] = value;
      else {
        Object.defineProperty(object, key, {
          value,
          configurable: true,
          enumerable: true,
          writable: true,
        });
      }
    });
    return object;
  }

  private array(): unknown[] {
    const array: unknown[] = [];
    this.list("]", () => array.push(this.value()));
    return array;
  }

  private list(end: string, item: () => void): void {
    this.at++;
    this.space();
    if (this.text[this.at] === end) {
      this.at++;
      return;
    }
    for (;;) {
      item();
      if (this.text[this.at] === end) break;
      this.expect(",");
    }
    this.at++;
  }

  private string(): string {
    if (this.text[this.at] !== '"') this.fail();
    const start = this.at;
    let end = this.text.indexOf('"', start + 1);
    while (end !== -1 && this.isEscaped(end)) end = this.text.indexOf('"', end + 1);
    if (end === -1) this.fail();
    this.at = end + 1;
    return JSON.parse(this.text.slice(start, this.at)) as string;
  }

  private isEscaped(quote: number): boolean {
    let before = quote - 1;
    while (this.text[before] === "\\") before--;
    return (quote - before) % 2 === 0;
  }

  private number(): number | bigint {
    NUMBER.lastIndex = this.at;
    const digits = NUMBER.exec(this.text)?.[0];
    if (digits === undefined) this.fail();
    this.at += digits.length;
    const number = Number(digits);
    if (Number.isSafeInteger(number) || /[.eE]/.test(digits)) return number;
    return BigInt(digits);
  }

  private word<T>(word: string, value: T): T {
    if (!this.text.startsWith(word, this.at)) this.fail();
    this.at += word.length;
    return value;
  }

  private expect(character: string): void {
    if (this.text[this.at] !== character) this.fail();
    this.at++;
  }

  private space(): void {
    SPACE.lastIndex = this.at;
    SPACE.test(this.text);
    this.at = SPACE.lastIndex;
  }

  private fail(): never {
    throw new SyntaxError(`not valid JSON at character ${this.at}`);
  }
}
