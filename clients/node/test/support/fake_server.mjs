// A WebSocket server that the test plays: it says what it is told, in the order it is told.
import { once } from "node:events";
import { WebSocketServer } from "ws";

export class FakeServer {
  #server;
  #socket;
  #requests = [];
  #wanted = [];
  log = "aa";
  /** Connections so far. */
  accepted = 0;
  isOpen = true;

  static async start() {
    const fake = new FakeServer();
    fake.#server = new WebSocketServer({
      port: 0,
      host: "127.0.0.1",
      verifyClient: () => fake.isOpen,
    });
    fake.#server.on("connection", (socket) => fake.#take(socket));
    await once(fake.#server, "listening");
    return fake;
  }

  get url() {
    return `ws://127.0.0.1:${this.#server.address().port}`;
  }

  #take(socket) {
    this.accepted++;
    this.#socket = socket;
    socket.on("message", (data) => {
      const request = JSON.parse(data);
      const wanted = this.#wanted.findIndex(({ type }) => type === request.type);
      if (wanted === -1) this.#requests.push(request);
      else this.#wanted.splice(wanted, 1)[0].resolve(request);
    });
    this.#send({ type: "ready", log: this.log, seq: 0 });
  }

  #send(message) {
    this.#socket.send(JSON.stringify(message));
  }

  /** The next request of that type: {id, type, data}. */
  async request(type) {
    const at = this.#requests.findIndex((request) => request.type === type);
    if (at !== -1) return this.#requests.splice(at, 1)[0];
    return new Promise((resolve) => this.#wanted.push({ type, resolve }));
  }

  /** Requests of that type that nobody asked for yet. */
  pending(type) {
    return this.#requests.filter((request) => request.type === type);
  }

  reply(request, fields = {}) {
    this.#send({ id: request.id, ...fields });
  }

  /** Takes the next `sub`, which must ask for `start`, and lets it begin after `seq`. */
  async subscribed(seq, log = this.log) {
    const request = await this.request("sub");
    this.reply(request, { seq, log });
    return request;
  }

  frame(request, seq, events = [], more = {}) {
    this.#send({ type: "evt", sub: request.id, seq, events, ...more });
  }

  /** Ends the connection without a word. */
  cut() {
    this.#socket.terminate();
  }

  async close() {
    for (const socket of this.#server.clients) socket.terminate();
    this.#server.close();
    await once(this.#server, "close");
  }
}
