/** What the core needs from the machine it runs on; tests give their own. */
export interface Platform {
  open: OpenSocket;
  /** A number from 0 (included) to 1 (excluded). */
  random(): number;
  setTimer(run: () => void, ms: number): unknown;
  clearTimer(timer: unknown): void;
}

/** Starts to connect. `key` is "" when there is none, and must never be shown. */
export type OpenSocket = (url: string, key: string, events: SocketEvents) => Socket;

export interface SocketEvents {
  /** One whole message, text or binary. */
  message(text: string): void;
  /** Something other than a message came, such as a pong. */
  alive(): void;
  /** The end, once. */
  ended(end: SocketEnd): void;
}

export interface SocketEnd {
  /** The WebSocket close code; 1006 where there was none. */
  closeCode: number;
  /** The HTTP status that refused the upgrade, where the platform tells. */
  status?: number;
  /** Why, for people; may be empty. */
  reason: string;
}

export interface Socket {
  send(frame: Uint8Array): void;
  /** Absent where the platform has no WebSocket ping. */
  ping?(): void;
  /** Bytes that came in so far, where the platform tells: a long reply is life too. */
  bytesRead?(): number;
  /** Starts the closing handshake. */
  close(): void;
  /** Lets go at once; `ended` may come later or, in a browser, only when it gives up. */
  destroy(): void;
}

/** Clock and chance of Node and browsers alike. */
export const CLOCK: Omit<Platform, "open"> = {
  random: Math.random,
  setTimer: (run, ms) => setTimeout(run, ms),
  clearTimer: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
};

/** The subprotocols that carry a key where no header can: base64url of its UTF-8, unpadded. */
export function keyProtocols(key: string): string[] {
  if (key === "") return ["fluxion"];
  let bytes = "";
  for (const byte of new TextEncoder().encode(key)) bytes += String.fromCharCode(byte);
  const base64url = btoa(bytes).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  return ["fluxion", `fluxion.key.${base64url}`];
}
