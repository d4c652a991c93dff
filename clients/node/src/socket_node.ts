import { WebSocket } from "ws";
import type { OpenSocket } from "./platform.js";
import { keyProtocols } from "./platform.js";

/** The longest string that Node has; the server bounds its replies well below. */
const MAX_REPLY_BYTES = 512 * 1024 * 1024;

/** A socket of the `ws` package. The key goes into the Authorization header. */
export const openSocket: OpenSocket = (url, key, events) => {
  const inHeader = key !== "" && /^[\x21-\x7e]+$/.test(key);
  const options = {
    headers: inHeader ? { Authorization: `Bearer ${key}` } : {},
    perMessageDeflate: false,
    maxPayload: MAX_REPLY_BYTES,
    // Node 18 would try only the first address of `localhost`, which may be the wrong family.
    autoSelectFamily: true,
  };
  // A key that no header can hold goes the way of the browsers.
  const socket = new WebSocket(url, inHeader || key === "" ? [] : keyProtocols(key), options);
  let status: number | undefined;
  let fault = "";
  let bytesRead = () => 0;
  socket.on("upgrade", (response) => {
    bytesRead = () => response.socket.bytesRead;
  });
  socket.on("unexpected-response", (_request, response) => {
    status = response.statusCode;
    response.resume();
    socket.terminate();
  });
  socket.on("error", (error) => (fault ||= describe(error)));
  socket.on("message", (data) => events.message(data.toString()));
  socket.on("pong", events.alive);
  socket.on("ping", events.alive);
  socket.on("close", (closeCode, reason) => {
    const text = status === undefined ? reason.toString() || fault : `HTTP status ${status}`;
    events.ended({ closeCode, reason: text, ...(status === undefined ? {} : { status }) });
  });
  return {
    send: (frame) => socket.send(frame),
    ping: () => socket.ping(),
    bytesRead: () => bytesRead(),
    close: () => socket.close(1000),
    destroy: () => socket.terminate(),
  };
};

/** Several addresses tried give one error without a text, with theirs inside. */
function describe(error: Error & { code?: string; errors?: Error[] }): string {
  return error.message || error.errors?.[0]?.message || error.code || "connection error";
}
