// Watchers of the real server: every event once and in order, whatever happens in between.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterEach, test as testOfNode } from "node:test";
import { setTimeout } from "node:timers/promises";
import { isDeepStrictEqual, promisify } from "node:util";
import { ConflictError, FluxionClient, GapError } from "fluxion-client";
import { Proxy } from "./support/proxy.mjs";
import { KEY, Server } from "./support/server.mjs";

const LIMIT_MS = 240_000;
const test = (name, run) => testOfNode(name, { timeout: LIMIT_MS }, run);
const open = [];
const track = (thing) => (open.push(thing), thing);
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await (thing.remove ?? thing.close).call(thing);
});

const startServer = async (...flags) => track(await Server.start(...flags));
const quick = { apiKey: KEY, reconnectInterval: 10, maxReconnectInterval: 100 };
const make = (url, more) => track(new FluxionClient({ url, ...quick, ...more }));
const settled = () => new Promise((resolve) => setImmediate(resolve));
const until = async (holds, what) => {
  for (const end = Date.now() + 120_000; !holds(); await settled())
    assert.ok(Date.now() < end, `${what} did not come about`);
};

/** Events up to the first that `isLast` accepts. */
async function upTo(watcher, isLast) {
  const events = [];
  for (;;) {
    const { value, done } = await watcher.next();
    assert.equal(done, false);
    events.push(value);
    if (isLast(value)) return events;
  }
}
const isEnd = ({ key, doc }) => key === "end-1" || doc === "end-1";
/** What each of the watchers below sees. */
const end = (client) =>
  Promise.all([
    client.setValue({ col: "a", key: "end-1", value: "7" }),
    client.insertSingleRecord({ col: "b", doc: "end-1", ts: 1, data: "x" }),
  ]);

test("the README's program prints what it says", async () => {
  const server = await startServer();
  const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");
  const section = /^## Watch\n(.*?)^## /ms.exec(readme)[1];
  const [, program, printed] = /^```js\n(.*?)^```\n\nprints\n\n```\n(.*?)^```/ms.exec(section);
  const here = program.replace("ws://localhost:8080", server.url).replace('"dev"', `"${KEY}"`);
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ["--input-type=module", "-e", here],
    { cwd: new URL("..", import.meta.url), timeout: LIMIT_MS },
  );
  assert.equal(stdout, printed);
});

test("what happens to keys", async () => {
  const server = await startServer();
  const client = make(server.url);
  const watcher = client.watch({ kind: "keys", fields: ["value", "previous", "expires"] });
  const at = { col: "c", key: "k" };
  await client.setValue({ ...at, value: "a" });
  await client.setValue({ ...at, value: "b", ttl: 1 });
  const { expires } = await client.getEntry(at);
  while ((await client.getEntry(at)).found);
  const events = await upTo(watcher, ({ op }) => op === "expired");
  assert.equal(watcher.cursor, `${client.log}:3`);
  await client.setValue({ ...at, value: "c" });
  await client.deleteValue(at);
  await client.setValue({ ...at, value: "d" });
  await client.deleteCollection({ col: "c" });
  events.push(...(await upTo(watcher, ({ op }) => op === "dropped")));
  if (expires !== undefined) assert.equal(events[1].expires, expires);
  delete events[1].expires;
  const told = (seq, op, fields) => ({ seq, i: 0, op, col: "c", ...fields });
  assert.deepEqual(events, [
    told(1, "set", { key: "k", ver: 1, value: "a" }),
    told(2, "set", { key: "k", ver: 2, value: "b", previous: "a" }),
    told(3, "expired", { key: "k", ver: 3, previous: "b" }),
    told(4, "set", { key: "k", ver: 4, value: "c" }),
    told(5, "removed", { key: "k", ver: 5, previous: "c" }),
    told(6, "set", { key: "k", ver: 6, value: "d" }),
    told(7, "dropped"),
  ]);
});

test("what happens to documents, with 64 bits", async () => {
  const server = await startServer();
  const client = make(server.url, { timestamps: "bigint" });
  const watcher = client.watch({ kind: "docs", col: "c", match: "/^d/" });
  const ts = 2n ** 63n - 1n;
  await client.insertMultipleRecords([
    { col: "c", doc: "d", ts, data: "x" },
    { col: "c", doc: "e", ts: 1, data: "not watched" },
    { col: "c", doc: "d2", ts: -5, data: "y" },
  ]);
  await client.deleteRecordsRange({ col: "c", doc: "d", fromTs: -(2n ** 63n), toTs: ts });
  await client.deleteDocument({ doc: "d2" });
  await client.deleteCollection({ col: "c" });
  const events = await upTo(watcher, ({ op }) => op === "dropped");
  assert.deepEqual(events.map(({ seq, i, op, doc, ts, data, from, to }) =>
    [seq, i, op, doc, ts, data, from, to]), [
    [1, 0, "inserted", "d", ts, "x", undefined, undefined],
    [1, 2, "inserted", "d2", -5n, "y", undefined, undefined],
    [2, 0, "deleted", "d", undefined, undefined, -(2n ** 63n), ts],
    [3, 0, "deleted", "d2", undefined, undefined, undefined, undefined],
    [4, 0, "dropped", undefined, undefined, undefined, undefined, undefined],
  ]);
});

test("what enters and leaves a filter", async () => {
  const server = await startServer();
  const client = make(server.url);
  const watcher = client.watch({ kind: "keys", col: "c", where: "on", filter: "/off/" });
  for (const value of ["x", "on", "on 2", "on off", "y", "on 3"]) {
    await client.setValue({ col: "c", key: "k", value });
  }
  const events = await upTo(watcher, ({ value }) => value === "on 3");
  assert.deepEqual(events.map(({ ver, value, entered, left }) => [ver, value, entered, left]),
    [[2, "on", true, undefined], [3, "on 2", undefined, undefined], [4, undefined, undefined, true],
      [6, "on 3", true, undefined]]);
});

test("a snapshot, then what follows, then on from its cursor as another program", async () => {
  const server = await startServer();
  const client = make(server.url);
  for (let n = 0; n < 50; n++) {
    const writes = Array.from({ length: 100 }, (_, i) =>
      ({ op: "set", key: `${n}-${i}`, value: "x".repeat(50) }));
    await client.writeValues({ col: "c", writes });
  }
  const watcher = client.watch({ kind: "keys", col: "c", snapshot: true });
  const order = [];
  watcher.on("snapshotStart", () => order.push("start"));
  watcher.on("snapshotEnd", (cursor) => order.push(cursor));
  const events = await upTo(watcher, () => true); // from here on it is of a moment before
  await client.setValue({ col: "c", key: "after", value: "" });
  events.push(...(await upTo(watcher, ({ key }) => key === "after")));
  assert.equal(new Set(events.map(({ key }) => key)).size, 5001);
  assert.deepEqual(order.map((text) => text.replace(/.*:/, "")), ["start", "50"]);
  assert.ok(events.slice(0, -1).every(({ snapshot }) => snapshot));
  const { cursor } = watcher;
  assert.equal(cursor, `${client.log}:51`);
  await client.close();
  const other = make(server.url);
  await other.setValue({ col: "c", key: "while it was away", value: "" });
  const resumed = other.watch({ kind: "keys", col: "c", from: cursor });
  assert.deepEqual((await upTo(resumed, () => true)).map(({ key }) => key), ["while it was away"]);
});

/** Numbers from 0 to 1 that are the same for the same seed. */
function chance(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

test("every event, while connections are cut at any byte and the server is killed", async () => {
  const seed = Number(process.env.SEED ?? Date.now() % 1e9);
  console.log(`# SEED=${seed}`);
  const random = chance(seed);
  const server = await startServer();
  const writer = make(server.url);
  await writer.connect();
  const start = `${writer.log}:0`;
  const wanted = [
    { kind: "keys" },
    { kind: "keys", col: "a", match: "/[13]$/" },
    { kind: "keys", where: "7", fields: ["previous"] },
    { kind: "docs" },
    { kind: "docs", col: "b", maxBuffered: 50 },
    { kind: "keys", maxBuffered: 20 },
  ];
  const proxies = [];
  const watchers = [];
  for (const options of wanted) {
    const proxy = track(await Proxy.start(server.port));
    proxies.push(proxy);
    watchers.push(make(proxy.url).watch({ ...options, from: start }));
  }
  const reconnects = watchers.map((watcher) => {
    const counts = { times: 0 };
    watcher.on("reconnected", () => counts.times++);
    return counts;
  });
  const seen = watchers.map(async (watcher, at) => {
    const events = [];
    let cursor = 0;
    for await (const event of watcher) {
      events.push(event);
      assert.ok(event.seq > cursor, "nothing comes from before the cursor");
      cursor = Number(watcher.cursor.split(":")[1]);
      if (isEnd(event)) break;
      if (wanted[at].maxBuffered && random() < 0.2) await settled();
    }
    return events;
  });

  const acked = [];
  const write = async (n) => {
    const col = random() < 0.5 ? "a" : "b";
    const key = `k${Math.floor(random() * 10)}`;
    const value = `${n} ${"x".repeat(random() * 2000)}`;
    const dice = random();
    if (dice < 0.4) return writer.setValue({ col, key, value });
    if (dice < 0.5) return writer.deleteValue({ col, key });
    if (dice < 0.6) {
      const records = Array.from({ length: 100 }, (_, ts) => ({ col, doc: key, ts, data: value }));
      return writer.insertMultipleRecords(records);
    }
    if (dice < 0.7) return writer.deleteRecordsRange({ col, doc: key, fromTs: 0, toTs: n % 200 });
    if (dice < 0.72) return writer.deleteCollection({ col });
    const writes = Array.from({ length: 30 }, (_, i) => ({ op: "set", key: `m${i}`, value }));
    return writer.writeValues({ col, writes });
  };
  // Each has been there before the first kill: else that would not cut it off.
  await writer.setValue({ col: "a", key: "k1", value: "7" });
  await writer.insertMultipleRecords([{ col: "b", doc: "k1", ts: 0, data: "7" }]);
  await until(() => watchers.every(({ cursor }) => cursor !== start), "a watcher's first event");
  let kills = 0;
  for (let round = 0; round < 40; round++) {
    for (const proxy of proxies) {
      if (random() < 0.6) proxy.cutAfterBytes = Math.floor(random() ** 2 * 200_000);
    }
    const results = await Promise.allSettled(Array.from({ length: 20 }, (_, i) =>
      write(round * 20 + i)));
    for (const { status, value, reason } of results) {
      if (status === "fulfilled") acked.push(value.seq);
      else assert.equal(reason.code, "connection_lost");
    }
    if (round % 10 === 4) {
      const lost = Promise.allSettled([1, 2, 3].map((i) => write(10_000 + round + i)));
      await server.kill();
      await lost;
      await server.start();
      kills++;
      // However late they are, each of them was cut off so often.
      await until(() => reconnects.every(({ times }) => times >= kills), `reconnect ${kills}`);
    }
  }
  for (const proxy of proxies) proxy.cutAfterBytes = Infinity;
  await end(writer);

  assert.equal(writer.log, start.split(":")[0], "a crash loses nothing here");
  for (const [at, { maxBuffered: _, ...options }] of wanted.entries()) {
    const events = await seen[at];
    const truth = await upTo(make(server.url).watch({ ...options, from: start }), isEnd);
    const first = truth.findIndex((event, n) => !isDeepStrictEqual(event, events[n]));
    const shown = (event) => String(JSON.stringify(event)).slice(0, 300);
    const counts = `${events.length} events of ${truth.length}`;
    assert.ok(first === -1 && events.length === truth.length,
      `${JSON.stringify(options)}: ${counts}; ${shown(events[first])}, not ${shown(truth[first])}`);
    assert.ok(reconnects[at].times >= 3, `only ${reconnects[at].times} reconnects`);
  }
  const all = new Set((await seen[0]).concat(await seen[3]).map(({ seq }) => seq));
  const changes = acked.filter((seq) => all.has(seq)).length;
  assert.ok(changes > 300, `${changes} of ${acked.length} writes were seen`);
});

test("a server that stops in order: on from the same place", async () => {
  const server = await startServer();
  const client = make(server.url);
  const watcher = client.watch({ kind: "keys", col: "c" });
  for (let n = 0; n < 3; n++) {
    await client.setValue({ col: "c", key: "k", value: String(n) });
    assert.deepEqual((await upTo(watcher, () => true)).map(({ value }) => value), [String(n)]);
    await server.kill("SIGTERM");
    await server.start();
  }
});

test("evicted by the server, it hands out all the same", async () => {
  const server = await startServer();
  const proxy = track(await Proxy.start(server.port));
  const mark = Buffer.from('"code":"evicted"');
  let evictions = 0;
  let before = Buffer.alloc(0); // the end of the last piece: the mark may be cut in two
  proxy.onReply = (bytes) => {
    const seen = Buffer.concat([before, bytes]);
    if (seen.includes(mark)) evictions++;
    before = seen.subarray(-(mark.length - 1));
  };
  const watcher = make(proxy.url).watch({ kind: "keys", col: "c", maxBuffered: 1e6 });
  await watcher.ready;
  proxy.pause();
  const writer = make(server.url);
  const value = "x".repeat(1000);
  const keys = Array.from({ length: 100 }, (_, i) => `k${i}`);
  const writes = keys.map((key) => ({ op: "set", key, value }));
  for (let n = 0; n < 300; n++) await writer.writeValues({ col: "c", writes });
  // Once it has taken nothing for a second.
  while ((await server.stat()).evictions === 0) await setTimeout(20);
  proxy.pause(false);
  await writer.setValue({ col: "c", key: "end-1", value: "" });
  const events = await upTo(watcher, isEnd);
  assert.equal(events.length, 30_001);
  assert.ok(events.every(({ seq, i }, n) => seq === Math.floor(n / 100) + 1 && i === n % 100));
  assert.ok(evictions > 0, "it was not evicted");
});

test("another history: GapError, or gap and a snapshot of what there is now", async () => {
  const server = await startServer();
  const strict = make(server.url).watch({ kind: "keys" });
  const lenient = make(server.url).watch({ kind: "keys", onGap: "snapshot" });
  const gaps = [];
  lenient.on("gap", (gap) => gaps.push(gap));
  await Promise.all([strict.ready, lenient.ready]);
  const client = make(server.url);
  await client.setValue({ col: "c", key: "old", value: "" });
  await upTo(strict, () => true);
  await upTo(lenient, () => true);
  const old = client.log;
  await server.kill();
  server.wipe();
  await server.start();
  await assert.rejects(strict.next(), (error) => {
    assert.ok(error instanceof GapError);
    assert.match(error.oldest, /^[0-9a-f]{32}:0$/);
    assert.ok(!error.oldest.startsWith(old));
    return true;
  });
  await client.setValue({ col: "c", key: "new", value: "" });
  const [event] = await upTo(lenient, () => true);
  assert.equal(event.key, "new");
  assert.deepEqual(gaps.map(({ cursor }) => cursor), [`${old}:1`]);
  await client.setValue({ col: "c", key: "next", value: "" });
  await upTo(lenient, ({ key }) => key === "next");
  assert.equal(lenient.cursor, `${client.log}:2`);
});

test("refusals: the server's word for what is wrong", async () => {
  const server = await startServer();
  const client = make(server.url);
  await client.connect();
  const refused = [
    ["bad_regex", { kind: "keys", match: "/(/" }],
    ["bad_request", { kind: "keys", fields: ["everything"] }],
    ["bad_request", { kind: "keys", from: "no position" }],
    ["compacted", { kind: "keys", from: 1_000_000 }],
    ["compacted", { kind: "keys", from: `${"0".repeat(32)}:0` }],
  ];
  for (const [code, options] of refused) {
    await assert.rejects(client.watch(options).next(), { code, type: "sub" }, options);
  }
});

test("a removed key ends the watcher, after what was seen before", async () => {
  const server = await startServer();
  const master = make(server.url);
  await master.addApiKey({ key: "the-key-of-a-watcher", scope: "readonly" });
  const client = make(server.url, { apiKey: "the-key-of-a-watcher" });
  const watcher = client.watch({ kind: "keys" });
  await watcher.ready;
  await master.setValue({ col: "c", key: "k", value: "" });
  assert.deepEqual((await upTo(watcher, () => true)).map(({ key }) => key), ["k"]);
  await master.removeApiKey({ key: "the-key-of-a-watcher" });
  await assert.rejects(watcher.next(), { code: "unauthorized" });
  assert.equal(client.state, "idle");
});

test("watching and writing at once, on one connection", async () => {
  const server = await startServer();
  const client = make(server.url, { batchInserts: true });
  const watcher = client.watch({ kind: "keys", col: "c" });
  await client.compareAndSet({ col: "c", key: "k", value: "0", expected: 0 });
  for await (const { ver, value } of watcher) {
    if (value === "20") break;
    await client.compareAndSet({ col: "c", key: "k", value: `${ver}`, expected: ver });
    await assert.rejects(
      client.compareAndSet({ col: "c", key: "k", value: "x", expected: ver }), ConflictError);
  }
  assert.equal((await client.getEntry({ col: "c", key: "k" })).ver, 21);
});
