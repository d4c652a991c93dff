// A TCP proxy that can fall silent: it keeps its connections open and forwards nothing.
import { once } from "node:events";
import { connect, createServer } from "node:net";

export class Proxy {
  #sockets = new Set();
  #server;
  isSilent = false;
  /** Connections taken so far. */
  accepted = 0;

  static async start(targetPort) {
    const proxy = new Proxy();
    proxy.#server = createServer((client) => {
      proxy.accepted++;
      const target = connect(targetPort, "127.0.0.1");
      proxy.#join(client, target);
      proxy.#join(target, client);
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

  async close() {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }
}
