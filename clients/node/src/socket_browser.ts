import type { OpenSocket } from "./platform.js";
import { keyProtocols } from "./platform.js";

const NO_REASON = "browsers do not say why (server, address or key)";

/** The browser's own WebSocket. The key goes into a subprotocol, since URLs end up in logs. */
export const openSocket: OpenSocket = (url, key, events) => {
  const socket = new WebSocket(url, keyProtocols(key));
  const decoder = new TextDecoder();
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) =>
    events.message(typeof data === "string" ? data : decoder.decode(data as ArrayBuffer));
  let isOpen = false;
  socket.onopen = () => (isOpen = true);
  socket.onclose = ({ code, reason }) =>
    events.ended({ closeCode: code, reason: reason || (isOpen ? "" : NO_REASON) });
  return {
    send: (frame) => socket.send(frame as Uint8Array<ArrayBuffer>),
    close: () => socket.close(1000),
    destroy: () => socket.close(),
  };
};
