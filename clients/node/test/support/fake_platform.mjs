// A clock that moves only when told, chance that is given, and sockets that the test plays.
export class FakePlatform {
  now = 0;
  chance = 0.5;
  #timers = new Map();
  #lastTimer = 0;
  /** Every socket opened: {url, key, at, sent, pings, bytes, events, isDestroyed}. */
  sockets = [];
  /** Whether the other side answers a close frame. */
  answersClose = true;
  /** Whether sockets have a ping, as in Node. */
  hasPing = true;

  random = () => this.chance;

  setTimer = (run, ms) => {
    this.#timers.set(++this.#lastTimer, { run, at: this.now + ms });
    return this.#lastTimer;
  };

  clearTimer = (timer) => this.#timers.delete(timer);

  get timerCount() {
    return this.#timers.size;
  }

  open = (url, key, events) => {
    const counts = { pings: 0, bytes: 0, isDestroyed: false };
    const socket = { url, key, at: this.now, sent: [], ...counts, events };
    this.sockets.push(socket);
    return {
      send: (frame) => socket.sent.push(JSON.parse(new TextDecoder().decode(frame))),
      close: () => this.answersClose && events.ended({ closeCode: 1000, reason: "" }),
      bytesRead: () => socket.bytes,
      destroy: () => (socket.isDestroyed = true),
      ...(this.hasPing ? { ping: () => socket.pings++ } : {}),
    };
  };

  get socket() {
    return this.sockets.at(-1);
  }

  /** Lets promises settle, then moves the clock, running what is due in order. */
  async advance(ms) {
    const end = this.now + ms;
    for (;;) {
      await settled();
      const due = [...this.#timers].filter(([, timer]) => timer.at <= end);
      if (due.length === 0) break;
      const [id, timer] = due.reduce((a, b) => (b[1].at < a[1].at ? b : a));
      this.#timers.delete(id);
      this.now = timer.at;
      timer.run();
    }
    this.now = end;
  }

  async greet() {
    await settled();
    this.socket.events.message('{"type":"ready","log":"aa","seq":0}');
    await settled();
  }

  async reply(fields, request = this.socket.sent.at(-1)) {
    this.socket.events.message(JSON.stringify({ id: request.id, ...fields }));
    await settled();
  }

  async drop(end = { closeCode: 1006, reason: "" }) {
    await settled();
    this.socket.events.ended(end);
    await settled();
  }
}

/** All promise reactions that are due have run. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));
