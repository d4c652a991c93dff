import type { OpenSocket } from "./platform.js";
import { keyProtocols } from "./platform.js";

/** The browser's own WebSocket. The key goes into a subprotocol, since URLs end up in logs. */
export const openSocket: OpenSocket = (url, key, events) => {
  const socket = new WebSocket(url, keyProtocols(key));
  const decoder = new TextDecoder();
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) =>
    events.message(typeof data === "string" ? data : decoder.decode(data as ArrayBuffer));
  socket.onclose = ({ code, reason }) => events.ended({ closeCode: code, reason });
  return {
    send: (frame) => socket.send(frame as Uint8Array<ArrayBuffer>),
    close: () => socket.close(1000),
    destroy: () => socket.close(),
  };
};
