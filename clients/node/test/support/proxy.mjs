// A TCP proxy that can fall silent (it keeps its connections open and forwards nothing), stop
// reading, and cut its connections.
import { once } from "node:events";
import { connect, createServer } from "node:net";

export class Proxy {
  #sockets = new Set();
  #server;
  isSilent = false;
  /** Connections taken so far. */
  accepted = 0;
  /** Cuts a connection once so many bytes more came from the server, in mid-message or not. */
  cutAfterBytes = Infinity;
  /** Sees what comes from the server. */
  onReply = () => {};

  static async start(targetPort) {
    const proxy = new Proxy();
    proxy.#server = createServer((client) => {
      proxy.accepted++;
      const target = connect(targetPort, "127.0.0.1");
      proxy.#join(client, target);
      proxy.#join(target, client);
      target.on("data", (bytes) => {
        proxy.onReply(bytes);
        proxy.cutAfterBytes -= bytes.length;
        if (proxy.cutAfterBytes > 0) return;
        proxy.cutAfterBytes = Infinity;
        client.resetAndDestroy();
      });
    });
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get url() {
    return `ws://127.0.0.1:${this.#server.address().port}`;
  }

  #join(from, to) {
    this.#sockets.add(from);
    from.on("data", (bytes) => this.isSilent || to.destroyed || to.write(bytes));
    from.on("close", () => {
      this.#sockets.delete(from);
      to.destroy();
    });
    from.on("error", () => from.destroy());
  }

  /** Takes no more bytes from either side, or does again. */
  pause(isPaused = true) {
    for (const socket of this.#sockets) isPaused ? socket.pause() : socket.resume();
  }

  async close() {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}
