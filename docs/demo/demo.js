// The script of the demo: a small client, what is counted, the chart and the list, the form.
"use strict";

// --- the client: one connection that comes back, one subscription that resumes ---

const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 8000;
/** Silence after which the server is asked for a word; after as much again the link is lost. */
const SILENCE_MS = 10000;
/** Ends of a subscription after which it can be had again a moment later. */
const PASSING = ["evicted", "busy", "too_many", "timeout"];
const REFUSED = "The server is there but does not let this page in: the key is wrong. (Or it has " +
  "too many connections, or does not allow pages from here: --allow-origins.)";

/** The key as a subprotocol: it stays out of the URL, which ends up in logs. */
function keyProtocols(key) {
  const base64 = btoa(String.fromCharCode(...new TextEncoder().encode(key)));
  const text = base64.replace(/\+/g, "-").replace(/\//g, "_").replace(/=/g, "");
  return ["fluxion", `fluxion.key.${text}`];
}

/**
 * One connection. Comes back by itself, with growing random pauses, until it is closed or the
 * server refuses it. Calls `on.ready(message)`, `on.message(message)` and `on.state(name, text)`:
 * connecting, ready, waiting, cut, or stopped, which is for good.
 */
class Link {
  #socket;
  #timer;
  isReady = false;
  /** In a row; 0 when what was wanted of the connection works, and the pauses are short again. */
  retries = 0;
  #isAsked = false;
  #refusals = 0;

  constructor(url, key, on) {
    Object.assign(this, { url, key, on });
  }

  send(message) {
    this.#socket?.send(JSON.stringify(message));
  }

  /** Closes the socket at once and comes back after a while. */
  cut(pauseMs) {
    this.#drop();
    this.on.state("cut", "");
    this.#timer = setTimeout(() => this.open(), pauseMs);
  }

  lose(why) {
    this.#drop();
    const pauseMs = Math.random() * Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.retries++);
    this.on.state("waiting", `${why} Next try in ${(pauseMs / 1000).toFixed(1)} s.`);
    this.#timer = setTimeout(() => this.open(), pauseMs);
  }

  stop(why) {
    this.#drop();
    this.on.state("stopped", why);
  }

  /** Now; ends a pause. */
  open() {
    this.#drop();
    this.on.state("connecting", "");
    let socket;
    try {
      socket = new WebSocket(this.url, keyProtocols(this.key));
    } catch (error) {
      this.stop(`The browser does not connect to this address: ${error.message}`);
      return;
    }
    this.#socket = socket;
    socket.onmessage = ({ data }) => this.#socket === socket && this.#heard(JSON.parse(data));
    socket.onclose = ({ code }) => this.#socket === socket && this.#closed(code);
    this.#isAsked = true; // a server that accepts and says nothing is no server
    this.#listen();
  }

  /** What still comes from the old socket is not looked at: it will come again. */
  #drop() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = undefined;
    this.isReady = false;
    socket?.close();
  }

  #heard(message) {
    this.#isAsked = false;
    this.#listen();
    if (message.type !== "ready") {
      this.on.message(message);
      return;
    }
    this.isReady = true;
    this.#refusals = 0;
    this.on.state("ready", "");
    this.on.ready(message);
  }

  #listen() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#isAsked) {
        this.lose("The server is silent.");
        return;
      }
      this.#isAsked = true;
      this.send({ id: "a word", type: "gval", data: { col: "-", key: "-" } });
      this.#listen();
    }, SILENCE_MS);
  }

  /** A browser does not say why a connection was refused; the server's health helps to tell. */
  async #closed(code) {
    if (code === 4401) return this.stop("The key was removed on the server.");
    if (this.isReady) return this.lose("The connection was lost.");
    const socket = this.#socket;
    clearTimeout(this.#timer);
    const health = new URL("health/ready", this.url.replace(/^ws/, "http"));
    const signal = AbortSignal.timeout(SILENCE_MS);
    const answer = await fetch(health, { signal }).catch(() => null);
    if (this.#socket !== socket) return;
    if (answer && answer.status !== 503) this.#refusals++;
    else this.#refusals = 0;
    // Once may mean that the server came up in between.
    if (this.#refusals === 1) this.open();
    else if (this.#refusals > 1) this.stop(REFUSED);
    else if (answer) this.lose("The server is not ready.");
    else this.lose(`No server can be reached at ${this.url}.`);
  }
}

/**
 * The records of one collection: what there is, then each change once and in order, over lost
 * connections. `on.resumed()`, `on.changes(events)`, `on.snapshot(events)`,
 * `on.snapshotEnd(log, seq)`, `on.gap()`.
 */
class Watch {
  #link;
  #id;
  #count = 0;
  #seen = { seq: -1, i: 0 };
  #needsSnapshot = true;
  /** The server's last seq when the connection was made; what a resume has to catch up to. */
  #headSeq = 0;
  log = "";
  /** Safe to resume from. */
  seq = 0;
  repeats = 0;

  constructor(col, on) {
    Object.assign(this, { col, on });
  }

  get position() {
    return this.log && !this.#needsSnapshot ? `${this.log}:${this.seq}` : "";
  }

  /** For every new connection. */
  start(link, headSeq) {
    this.#link = link;
    this.#headSeq = headSeq;
    this.#subscribe();
  }

  #subscribe() {
    this.#id = `watch ${++this.#count}`;
    const from = this.#needsSnapshot ? { snapshot: true } : { from: this.position };
    const data = { kind: "docs", col: this.col, fields: ["data", "time"], ...from };
    this.isResumed = !this.#needsSnapshot;
    this.#link.send({ id: this.#id, type: "sub", data });
  }

  take(message) {
    if (message.id === this.#id) {
      if (message.error) return this.#ended(message);
      this.#link.retries = 0;
      this.log = message.log;
      if (this.isResumed) this.on.resumed();
    } else if (message.type === "evt" && message.sub === this.#id) {
      if (message.code) this.#ended(message);
      else if (message.snapshot) this.#snapshot(message);
      else this.#changes(message);
    }
  }

  #snapshot({ seq, events, more }) {
    this.on.snapshot(events);
    if (more) return;
    this.#needsSnapshot = false;
    this.#safe(seq);
    this.on.snapshotEnd(this.log, seq);
  }

  #changes({ seq, events, more }) {
    const fresh = events.filter((event) => {
      const { seq: atSeq, i: atI } = this.#seen;
      const isNew = event.seq > atSeq || (event.seq === atSeq && event.i > atI);
      if (isNew) this.#seen = { seq: event.seq, i: event.i };
      else this.repeats++;
      event.isCaughtUp = this.isResumed && event.seq <= this.#headSeq;
      return isNew;
    });
    if (!more) this.#safe(seq);
    this.on.changes(fresh);
  }

  #safe(seq) {
    this.seq = seq;
    if (seq >= this.#seen.seq) this.#seen = { seq, i: Infinity };
  }

  #ended({ code, error }) {
    if (code === "compacted") {
      this.#needsSnapshot = true;
      this.#seen = { seq: -1, i: 0 }; // of another history, perhaps
      this.on.gap();
      this.#subscribe();
    } else if (PASSING.includes(code)) {
      this.#link.lose(`The server ended the subscription: ${error}.`);
    } else {
      this.#link.stop(`The server does not give the events: ${error}.`);
    }
  }
}

// --- sending values, over a connection of its own, so that it goes on while the other is cut ---

const SEND_EVERY_MS = 250;
const MAX_UNANSWERED = 40;
/** Sent values whose way is followed; older ones are let go. */
const MAX_FOLLOWED = 20000;

class Sender {
  #link;
  #timer;
  #log = "";
  #count = 0;
  #lastTs = 0;
  #levels = [];
  #unanswered = new Map();
  #snapshot = { log: "", seq: 0 };
  /** Number of a value -> { at: where it was acknowledged, times: how often it came back }. */
  #followed = new Map();
  /** Tells the values of this page from those of others. */
  #by = Math.random().toString(36).slice(2, 8);
  acknowledged = 0;
  seenOnce = 0;
  seenTwice = 0;
  swallowed = 0;

  /** `on.note(text)`: why nothing is sent, or nothing. `on.stopped()`: it gave up. */
  constructor({ url, key, col }, devices, on) {
    Object.assign(this, { url, key, col, devices, on });
  }

  get isOn() {
    return this.#timer !== undefined;
  }

  get unseen() {
    return this.acknowledged - this.seenOnce - this.seenTwice - this.swallowed;
  }

  start() {
    const isNew = this.#link === undefined;
    this.#link ??= new Link(this.url, this.key, {
      state: (name, text) => {
        if (name !== "ready") this.#unanswered.clear();
        if (name === "stopped") this.#stopped(text);
        else this.on.note(name === "waiting" ? "Not sending: no connection." : "");
      },
      ready: ({ log }) => {
        this.#log = log;
        this.#link.retries = 0;
        if (this.isOn) this.#tick();
      },
      message: (message) => this.#answered(message),
    });
    this.#timer = setInterval(() => this.#tick(), SEND_EVERY_MS);
    if (isNew) this.#link.open();
    else this.#tick();
  }

  /** Answers to what was sent are still taken. */
  pause() {
    this.#timer = clearInterval(this.#timer);
  }

  end() {
    this.#link?.stop("");
  }

  #stopped(text) {
    this.pause();
    this.#link = undefined;
    this.on.note(text);
    this.on.stopped();
  }

  #tick() {
    if (!this.#link?.isReady || this.#unanswered.size >= MAX_UNANSWERED) return;
    const ts = (this.#lastTs = Math.max(Date.now(), this.#lastTs + 1));
    const numbers = [];
    const records = Array.from({ length: this.devices() }, (_, device) => {
      numbers.push(++this.#count);
      this.#followed.set(this.#count, { at: undefined, times: 0 });
      const data = { temperature: this.#measure(device), by: this.#by, n: this.#count };
      return { col: this.col, doc: `device-${device + 1}`, ts, data: JSON.stringify(data) };
    });
    const id = `values ${this.#count}`;
    this.#unanswered.set(id, numbers);
    this.#link.send({ id, type: "ins", data: records });
    const oldest = this.#followed.keys();
    while (this.#followed.size > MAX_FOLLOWED) this.#followed.delete(oldest.next().value);
  }

  #measure(device) {
    const middle = 20 + 2.5 * device;
    const level = this.#levels[device] ?? middle;
    this.#levels[device] = level + (middle - level) * 0.05 + (Math.random() - 0.5) * 0.9;
    return Number(this.#levels[device].toFixed(2));
  }

  #answered({ id, seq, error, code }) {
    const numbers = this.#unanswered.get(id);
    if (!numbers) return;
    this.#unanswered.delete(id);
    if (code === "forbidden") {
      this.#link.stop("This key may only read: it cannot send values.");
      return;
    }
    this.on.note(error ? `The server did not take the values: ${error}.` : "");
    if (error) return;
    for (const n of numbers) {
      const one = this.#followed.get(n);
      if (!one) continue;
      one.at = { log: this.#log, seq };
      this.#tally(one, 0, one.times);
      const { log, seq: last } = this.#snapshot;
      if (one.at.log === log && seq <= last) this.#swallow(one);
    }
  }

  /** What the subscription brought; `data` as it was parsed. */
  came(data) {
    const one = data?.by === this.#by ? this.#followed.get(data.n) : undefined;
    if (!one) return;
    one.times++;
    if (one.at) this.#tally(one, one.times - 1, one.times);
  }

  /** A value counts once it is acknowledged: `before` and `now` are how often it was seen. */
  #tally(one, before, now) {
    if (one.isSwallowed) return;
    if (!one.isCounted) this.acknowledged++;
    one.isCounted = true;
    this.seenOnce += (now === 1) - (before === 1);
    this.seenTwice += (now > 1) - (before > 1);
  }

  /** After a gap: a snapshot at `seq` stands for all before it. */
  snapshotTaken(log, seq) {
    this.#snapshot = { log, seq };
    for (const one of this.#followed.values()) {
      if (one.at && (one.at.log !== log || one.at.seq <= seq)) this.#swallow(one);
    }
  }

  #swallow(one) {
    if (one.times > 0 || one.isSwallowed) return;
    one.isSwallowed = true;
    this.swallowed++;
  }
}

// --- the chart ---

const WINDOW_MS = 60000;
const MAX_POINTS = 2000;
const MAX_SERIES = 6;
const MAX_BANDS = 50;
const DASHES = ["", "7 3", "2 3", "9 3 2 3", "4 2", "1 4"];
const MORE = ` (only the first ${MAX_SERIES} devices are drawn)`;
const MARGIN = { left: 46, right: 10, top: 8, bottom: 24 };

function svg(name, attributes, text) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

/** A step of 1, 2 or 5 times a power of ten, for some four lines. */
function tickStep(range) {
  const power = 10 ** Math.floor(Math.log10(range / 4));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= range / 4);
}

class Chart {
  #series = new Map();
  #bands = [];
  /** The server's clock minus ours, as far as events tell. */
  #skewMs = -Infinity;
  #hasMore = false;

  constructor(canvas, legend) {
    Object.assign(this, { canvas, legend });
  }

  /** `time`: UTC ms by the server's clock; without it the value is only the latest. */
  add(doc, value, time, isCaughtUp) {
    const index = this.#series.size;
    const series = this.#series.get(doc) ?? { index, points: [] };
    this.#hasMore ||= series.index >= MAX_SERIES;
    if (series.index >= MAX_SERIES) return;
    this.#series.set(doc, series);
    series.latest = value;
    if (time === undefined) return;
    if (!isCaughtUp) this.#skewMs = Math.max(this.#skewMs, time - Date.now());
    if (series.points.push({ time, value, isCaughtUp }) > MAX_POINTS) series.points.shift();
  }

  /** Without a connection, until it is closed by `connected`. */
  lost() {
    if (this.#bands.push({ from: Date.now() }) > MAX_BANDS) this.#bands.shift();
  }

  connected() {
    const band = this.#bands.at(-1);
    if (band) band.to ??= Date.now();
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (width === 0) return;
    const skewMs = Number.isFinite(this.#skewMs) ? this.#skewMs : 0;
    const end = Date.now() + skewMs;
    const begin = end - WINDOW_MS;
    for (const { points } of this.#series.values()) {
      while (points.length > 0 && points[0].time < begin - 5000) points.shift();
    }
    const values = [...this.#series.values()].flatMap(({ points }) => points.map((p) => p.value));
    let [low, high] = values.length > 0 ? [Math.min(...values), Math.max(...values)] : [0, 1];
    const room = (high - low) * 0.08 || Math.abs(high) * 0.05 || 1;
    [low, high] = [low - room, high + room];
    const right = width - MARGIN.right;
    const bottom = height - MARGIN.bottom;
    const x = (time) => MARGIN.left + ((time - begin) / WINDOW_MS) * (right - MARGIN.left);
    const y = (value) => bottom - ((value - low) / (high - low)) * (bottom - MARGIN.top);
    const tall = { y: MARGIN.top, height: bottom - MARGIN.top };
    const inside = svg("clipPath", { id: "inside" });
    inside.append(svg("rect", { x: MARGIN.left, width: width - MARGIN.left, ...tall }));
    const drawn = svg("g", { "clip-path": "url(#inside)" });
    for (const { from, to = Date.now() } of this.#bands) {
      const left = x(from + skewMs);
      const wide = { x: left, width: Math.max(1, x(to + skewMs) - left) };
      drawn.append(svg("rect", { class: "band", ...wide, ...tall }));
    }
    this.canvas.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const axes = this.#axes({ low, high, x, y, right, bottom, end });
    this.canvas.replaceChildren(inside, ...axes, drawn);
    for (const series of this.#series.values()) drawn.append(...this.#line(series, x, y));
    this.#describe();
  }

  *#axes({ low, high, x, y, right, bottom, end }) {
    const step = tickStep(high - low);
    const digits = Math.max(0, -Math.floor(Math.log10(step)));
    for (let tick = Math.ceil(low / step); tick * step <= high; tick++) {
      const at = y(tick * step);
      yield svg("line", { class: "grid", x1: MARGIN.left, x2: right, y1: at, y2: at });
      const value = tick * step;
      const text = Math.abs(value) < 1e6 ? value.toFixed(digits) : value.toExponential(1);
      yield svg("text", { x: MARGIN.left - 6, y: at + 4, "text-anchor": "end" }, text);
    }
    for (const seconds of [60, 45, 30, 15, 0]) {
      const anchor = { 60: "start", 0: "end" }[seconds] ?? "middle";
      const at = { x: x(end - seconds * 1000), y: bottom + 18, "text-anchor": anchor };
      yield svg("text", at, seconds === 0 ? "now" : `−${seconds} s`);
    }
  }

  *#line({ index, points }, x, y) {
    if (points.length === 0) return;
    const style = `stroke: var(--s${index})`;
    const places = points.map((p) => `${x(p.time).toFixed(1)} ${y(p.value).toFixed(1)}`);
    const dashes = { "stroke-dasharray": DASHES[index] };
    yield svg("path", { d: `M${places.join("L")}`, style, ...dashes });
    const last = points.at(-1);
    for (const point of points) {
      if (!point.isCaughtUp && point !== last) continue;
      const at = { cx: x(point.time), cy: y(point.value), r: point.isCaughtUp ? 3 : 4 };
      yield svg("circle", { ...at, style: `fill: var(--s${index})` });
    }
  }

  #describe() {
    const all = [...this.#series];
    const rows = all.map(([doc, { index, latest }]) => {
      const row = document.createElement("li");
      const line = svg("line", { x1: 0, x2: 32, y1: 6, y2: 6, "stroke-dasharray": DASHES[index] });
      line.style.stroke = `var(--s${index})`;
      const sample = svg("svg", { viewBox: "0 0 32 12", "aria-hidden": "true" });
      sample.append(line);
      row.append(sample, ` ${doc}: ${latest}`);
      return row;
    });
    this.legend.replaceChildren(...rows, ...(this.#hasMore ? [MORE] : []));
    const said = all.map(([doc, { latest }]) => `${doc} ${latest}`).join(", ");
    this.canvas.setAttribute("aria-label", said ? `Latest values: ${said}` : "No values yet");
  }
}

// --- the list ---

const MAX_ROWS = 200;
const MAX_TEXT = 300;

/** Everything from outside goes in as text, never as markup. */
class EventList {
  #waiting = [];

  constructor(list) {
    this.list = list;
  }

  add(row) {
    if (this.#waiting.push(row) > MAX_ROWS) this.#waiting.shift();
  }

  draw() {
    this.list.prepend(...this.#waiting.splice(0).reverse().map((row) => this.#row(row)));
    while (this.list.children.length > MAX_ROWS) this.list.lastChild.remove();
  }

  clear() {
    this.#waiting = [];
    this.list.replaceChildren();
  }

  #row({ note, time, text, at, mark }) {
    const part = (name, className, textContent) =>
      Object.assign(document.createElement(name), { className, textContent });
    if (note !== undefined) return part("li", "note", note);
    const clock = time === undefined ? "" : new Date(time).toLocaleTimeString("en-GB");
    const shown = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
    const body = part("span", "text", shown);
    if (mark) body.append(" ", part("span", "mark", mark));
    const row = part("li", "", "");
    row.append(part("span", "time", clock), body, part("span", "at", at));
    return row;
  }
}

// --- the page ---

const CUT_MS = 5000;
const DRAW_EVENTS_MS = 100;
const DRAW_CHART_MS = matchMedia("(prefers-reduced-motion: reduce)").matches ? 1000 : 250;
const MEMORY = "fluxion-demo";
const $ = (id) => document.getElementById(id);

const list = new EventList($("list"));
let session;

const parsed = (text) => attempt(() => JSON.parse(text));

/** A number, or the first number among an object's fields. */
function numberIn(data) {
  const all = data !== null && typeof data === "object" ? Object.values(data) : [data];
  return all.find((value) => typeof value === "number" && Number.isFinite(value));
}

/** One press of Connect: a server, a key, a collection, and all that is counted of it. */
class Session {
  #lostAt;
  #isOver = false;
  #drawTimer;
  #back = "";
  #caughtBefore = 0;
  counts = { events: 0, losses: 0, caught: 0, gaps: 0 };
  state = "connecting";

  constructor(settings) {
    this.settings = settings;
    this.chart = new Chart($("chart"), $("legend"));
    this.watch = new Watch(settings.col, {
      resumed: () => this.#live(),
      changes: (events) => this.#changes(events),
      snapshot: (events) => events.forEach((event) => this.#show(event, "snapshot")),
      snapshotEnd: (log, seq) => {
        this.sender.snapshotTaken(log, seq);
        this.#live();
      },
      gap: () => this.#gap(),
    });
    const devices = () => Math.min(MAX_SERIES, Math.max(1, Math.trunc($("devices").value) || 1));
    this.sender = new Sender(settings, devices, {
      note: (text) => ($("send-note").textContent = text),
      stopped: () => this.draw(),
    });
    this.link = new Link(settings.url, settings.key, {
      ready: (message) => this.watch.start(this.link, message.seq),
      message: (message) => this.#message(message),
      state: (name, text) => this.#linkState(name, text),
    });
    this.link.open();
    this.chartTimer = setInterval(() => this.chart.draw(), DRAW_CHART_MS);
    this.chart.draw();
  }

  end() {
    this.#isOver = true;
    clearInterval(this.chartTimer);
    this.sender.end();
    this.link.stop("");
  }

  cut() {
    if (this.state === "cut") this.link.open();
    else this.link.cut(CUT_MS);
  }

  toggleSending() {
    if (this.sender.isOn) this.sender.pause();
    else this.sender.start();
    this.draw();
  }

  #message(message) {
    this.watch.take(message);
    this.#soon();
  }

  #live() {
    if (this.state === "live") return;
    this.state = "live";
    this.chart.connected();
    if (this.#lostAt !== undefined) {
      this.#back = `Back after ${((Date.now() - this.#lostAt) / 1000).toFixed(1)} s`;
      this.#lostAt = undefined;
      this.#caughtBefore = this.counts.caught;
      list.add({ note: this.watch.isResumed ? `${this.#back}, resumed.` : `${this.#back}.` });
    }
    this.#soon();
  }

  #linkState(name, text) {
    if (this.#isOver) return;
    const wasLive = this.state === "live";
    this.detail = text;
    // The connection alone is not yet the subscription.
    this.state = name === "ready" ? "connecting" : name;
    if (wasLive) {
      this.counts.losses++;
      this.#lostAt = Date.now();
      this.chart.lost();
      list.add({ note: name === "cut" ? "Connection cut." : "Connection lost." });
    }
    if (name === "stopped") this.sender.end();
    this.draw();
  }

  #gap() {
    this.counts.gaps++;
    list.add({ note: "Gap: the server's log does not reach back to the position, or begins anew " +
      "(in memory only, it does with every start). What there is now follows, as a snapshot." });
    this.#soon();
  }

  #changes(events) {
    for (const event of events) {
      this.counts.events++;
      if (event.isCaughtUp) this.counts.caught++;
      this.#show(event, event.isCaughtUp ? "caught up" : "");
    }
  }

  #show(event, mark) {
    const { op, doc, time, seq, i } = event;
    const at = mark === "snapshot" ? "" : `${seq}.${i}`;
    let text = op === "dropped" ? "the collection was deleted"
      : `${doc}: ${event.to === undefined ? "deleted" : "records deleted"}`;
    if (op === "inserted") {
      const data = parsed(event.data);
      const value = numberIn(data);
      text = `${doc}: ${event.data}`;
      if (value !== undefined) {
        this.chart.add(doc, value, mark === "snapshot" ? undefined : time, event.isCaughtUp);
      }
      if (mark !== "snapshot") this.sender.came(data);
    }
    list.add({ time, text, at, mark });
  }

  #soon() {
    this.#drawTimer ??= setTimeout(() => {
      this.#drawTimer = undefined;
      if (!this.#isOver) this.draw();
    }, DRAW_EVENTS_MS);
  }

  #verdict() {
    if (this.state === "stopped" || this.state === "waiting") return this.detail;
    if (this.state === "cut") return "What is written now does not reach this page.";
    if (this.state !== "live" || !this.#back) return "";
    if (!this.watch.isResumed) return `${this.#back}, with a gap: a snapshot says what there is.`;
    const count = this.counts.caught - this.#caughtBefore;
    const events = count === 1 ? "event" : "events";
    return `${this.#back}: ${count} ${events} caught up, no gap, none missed.`;
  }

  draw() {
    const { sender, watch } = this;
    const put = (id, text) => {
      if ($(id).textContent !== String(text)) $(id).textContent = text;
    };
    $("state").dataset.state = this.state;
    put("state-name", this.state === "waiting" ? "connection lost" : this.state);
    put("state-detail", this.state === "cut" ? `for ${CUT_MS / 1000} s` : `(${this.settings.url})`);
    put("message", this.#verdict());
    $("message").classList.toggle("bad", this.state === "stopped");
    put("position", watch.position || "none yet");
    const { acknowledged: sent, seenOnce: seen, unseen, seenTwice: twice, swallowed } = sender;
    const figures = { ...this.counts, sent, seen, unseen, twice, swallowed };
    for (const [id, value] of Object.entries(figures)) put(id, value);
    put("repeats", watch.repeats);
    put("send", sender.isOn ? "Stop sending" : "Send values");
    $("send").classList.toggle("on", sender.isOn);
    $("send").disabled = this.state === "stopped" || !watch.log;
    put("cut", this.state === "cut" ? "Reconnect now" : "Cut the connection");
    $("cut").disabled = !["live", "cut"].includes(this.state);
    list.draw();
  }
}

/** `localhost:8080` and `http://…` are understood. Throws what to tell. */
function serverUrl(text) {
  const typed = text.trim().replace(/^http/i, "ws");
  const address = /^wss?:\/\//i.test(typed) ? typed : `ws://${typed}`;
  if (/\s/.test(address) || !URL.canParse(address)) {
    throw new Error("This is no address of a server; one is ws://localhost:8080.");
  }
  const { origin, pathname } = new URL(address);
  return origin + pathname;
}

function connect() {
  const settings = { key: $("key").value, col: $("col").value };
  try {
    settings.url = serverUrl($("url").value);
  } catch (error) {
    $("url").setCustomValidity(error.message);
    $("url").reportValidity();
    return;
  }
  session?.end();
  list.clear();
  const kept = JSON.stringify({ ...settings, url: $("url").value });
  attempt(() => sessionStorage.setItem(MEMORY, kept));
  session = new Session(settings);
  session.draw();
}

/** What `action` gives; nothing where it throws, or the browser does not allow it. */
function attempt(action) {
  try {
    return action();
  } catch {
    return undefined;
  }
}

function begin() {
  const asked = Object.fromEntries(new URLSearchParams(location.search));
  let kept = parsed(attempt(() => sessionStorage.getItem(MEMORY))) ?? {};
  // A link must not get the key of another server.
  if (asked.url !== undefined && asked.url !== kept.url) kept = {};
  for (const name of ["url", "key", "col"]) {
    const value = asked[name] ?? kept[name];
    if (typeof value === "string" && value) $(name).value = value;
  }
  // No key in bookmarks and histories.
  if (asked.key !== undefined) attempt(() => history.replaceState(null, "", location.pathname));
  $("form").addEventListener("submit", (event) => {
    event.preventDefault();
    connect();
  });
  $("url").addEventListener("input", () => $("url").setCustomValidity(""));
  $("send").addEventListener("click", () => session?.toggleSending());
  $("cut").addEventListener("click", () => session?.cut());
  new ResizeObserver(() => session?.chart.draw()).observe($("chart"));
  if ($("key").value) connect();
}

begin();
