// A watcher against a server that the test plays: the orders that are hard to get from a real one.
import assert from "node:assert/strict";
import { afterEach, test as testOfNode } from "node:test";
import { FluxionClient, FluxionError, GapError } from "fluxion-client";
import { FakeServer } from "./support/fake_server.mjs";

const LIMIT_MS = 120_000;
const test = (name, run) => testOfNode(name, { timeout: LIMIT_MS }, run);
const open = [];
const track = (thing) => (open.push(thing), thing);
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await thing.close();
});

async function start(options = {}, clientOptions = {}) {
  const server = track(await FakeServer.start());
  const quick = { url: server.url, reconnectInterval: 5, maxReconnectInterval: 20 };
  const client = track(new FluxionClient({ ...quick, ...clientOptions }));
  const watcher = client.watch({ kind: "keys", ...options });
  const told = [];
  for (const name of ["snapshotStart", "snapshotEnd", "gap", "bookmark", "reconnected"]) {
    watcher.on(name, (...args) => told.push([name, ...args]));
  }
  return { server, client, watcher, told };
}

const set = (seq, i = 0) => ({ seq, i, op: "set", col: "c", key: "k", ver: seq, value: "v" });
/** The next `count` events as "seq.i". */
async function taken(watcher, count) {
  const seen = [];
  while (seen.length < count) {
    const { value, done } = await watcher.next();
    assert.equal(done, false, `it ended after ${seen}`);
    seen.push(`${value.seq}.${value.i}`);
  }
  return seen;
}
/** All that either side sent before has arrived. */
async function exchanged(server, client) {
  const keys = client.getKeys({ col: "c" });
  server.reply(await server.request("gkeys"), { keys: [] });
  await keys;
}
const heard = (watcher, name) => new Promise((resolve) => watcher.on(name, resolve));
/** Takes what nobody catches away from the test runner; `end` gives it back. */
function catchUncaught() {
  const name = "uncaughtException";
  const errors = [];
  const kept = process.listeners(name);
  process.removeAllListeners(name);
  process.on(name, (error) => errors.push(error));
  return {
    end: () => {
      process.removeAllListeners(name);
      for (const listener of kept) process.on(name, listener);
      return errors;
    },
  };
}
const settled = () => new Promise((resolve) => setImmediate(resolve));
/** Until the condition holds. */
async function until(condition) {
  const end = Date.now() + LIMIT_MS;
  while (!condition()) {
    assert.ok(Date.now() < end, `it did not come: ${condition}`);
    await settled();
  }
}

test("the request, events in order, and the cursor", async () => {
  const options = { col: "c", match: "/k/", where: "w", filter: "f", fields: ["value", "time"] };
  const { server, watcher } = await start(options);
  assert.equal(watcher.cursor, undefined);
  const request = await server.subscribed(4);
  assert.deepEqual(request.data, { kind: "keys", ...options });
  await watcher.ready;
  assert.equal(watcher.cursor, "aa:4");
  server.frame(request, 6, [set(5), set(6)]);
  assert.deepEqual(await taken(watcher, 1), ["5.0"]);
  assert.equal(watcher.cursor, "aa:4", "not in the middle of a frame");
  assert.deepEqual(await taken(watcher, 1), ["6.0"]);
  assert.equal(watcher.cursor, "aa:6");
  server.frame(request, 7, [set(7, 0), set(7, 1)]);
  const { value } = await watcher.next();
  assert.deepEqual(value, set(7, 0));
});

for (const from of ["aa:12", 12, 12n]) {
  test(`from ${typeof from} ${from}`, async () => {
    const { server, watcher } = await start({ from });
    const request = await server.subscribed(12);
    assert.equal(String(request.data.from), String(from));
    await watcher.ready;
    assert.equal(watcher.cursor, "aa:12");
    server.frame(request, 13, [set(12, 3), set(13)]);
    assert.deepEqual(await taken(watcher, 1), ["13.0"]);
  });
}

test("cut in the middle of a seq: the rest comes once, the cursor waits for its end", async () => {
  const { server, watcher, told } = await start();
  let request = await server.subscribed(6);
  server.frame(request, 6, [set(7, 0), set(7, 1)], { more: true });
  assert.deepEqual(await taken(watcher, 2), ["7.0", "7.1"]);
  assert.equal(watcher.cursor, "aa:6");
  server.cut();
  request = await server.subscribed(6);
  assert.equal(request.data.from, "aa:6");
  server.frame(request, 6, [set(7, 0)], { more: true });
  server.frame(request, 6, []);
  server.frame(request, 6, [set(7, 1), set(7, 2)], { more: true });
  assert.deepEqual(await taken(watcher, 1), ["7.2"]);
  assert.equal(watcher.cursor, "aa:6");
  server.frame(request, 7, [set(7, 3)]);
  assert.deepEqual(await taken(watcher, 1), ["7.3"]);
  assert.equal(watcher.cursor, "aa:7");
  assert.deepEqual(told.filter(([name]) => name === "reconnected"), [["reconnected"]]);
});

test("duplicates after a resume are dropped, also where they are all there is", async () => {
  const { server, client, watcher } = await start();
  let request = await server.subscribed(1);
  server.frame(request, 3, [set(2), set(3, 0), set(3, 1)]);
  assert.deepEqual(await taken(watcher, 3), ["2.0", "3.0", "3.1"]);
  server.cut();
  request = await server.subscribed(3);
  assert.equal(request.data.from, "aa:3");
  server.frame(request, 3, [set(2), set(3, 0), set(3, 1)]);
  server.frame(request, 2, [set(2)]);
  await exchanged(server, client);
  assert.equal(watcher.cursor, "aa:3", "it never goes back");
  server.frame(request, 5, [set(3, 1), set(5)]);
  assert.deepEqual(await taken(watcher, 1), ["5.0"]);
});

test("what waits for the consumer at a cut is handed out, and not asked for again", async () => {
  const { server, watcher } = await start();
  let request = await server.subscribed(0);
  server.frame(request, 2, [set(1), set(2)]);
  assert.deepEqual(await taken(watcher, 1), ["1.0"]);
  server.cut();
  request = await server.subscribed(2);
  assert.equal(request.data.from, "aa:2");
  assert.equal(watcher.cursor, "aa:0", "2.0 was not handed out yet");
  server.frame(request, 3, [set(3)]);
  assert.deepEqual(await taken(watcher, 2), ["2.0", "3.0"]);
});

test("a cut before the reply, and a cut while nothing is there to connect to", async () => {
  const { server, watcher, told } = await start({ from: "aa:5" });
  await server.request("sub");
  server.isOpen = false;
  server.cut();
  await until(() => server.pending("sub").length === 0);
  server.isOpen = true;
  const request = await server.subscribed(5);
  assert.equal(request.data.from, "aa:5");
  server.frame(request, 6, [set(6)]);
  assert.deepEqual(await taken(watcher, 1), ["6.0"]);
  assert.deepEqual(told, [], "it never stood before");
});

test("evicted: it subscribes again from what it was told, and repeats nothing", async () => {
  const { server, watcher, told } = await start();
  let request = await server.subscribed(0);
  server.frame(request, 1, [set(1)]);
  server.frame(request, 1, [set(2, 0)], { more: true });
  server.frame(request, 1, [], { code: "evicted", error: "too slow" });
  const first = request.id;
  request = await server.subscribed(1);
  assert.notEqual(request.id, first);
  assert.equal(request.data.from, "aa:1");
  server.frame(request, 2, [set(2, 0), set(2, 1)]);
  assert.deepEqual(await taken(watcher, 3), ["1.0", "2.0", "2.1"]);
  server.frame(request, 9, [], { code: "evicted", error: "too slow" });
  request = await server.subscribed(9);
  assert.equal(request.data.from, "aa:9");
  assert.deepEqual(told, [], "an eviction is no lost connection");
  assert.equal(server.accepted, 1);
});

test("a refused resume that passes is tried again; one that does not ends it", async () => {
  const { server, watcher } = await start();
  await server.subscribed(3);
  await watcher.ready;
  server.cut();
  server.reply(await server.request("sub"), { code: "busy", error: "later" });
  server.reply(await server.request("sub"), { code: "too_many", error: "later" });
  server.reply(await server.request("sub"), { code: "forbidden", error: "no more" });
  await assert.rejects(watcher.next(), { code: "forbidden", type: "sub" });
  assert.equal(watcher.closed, true);
  assert.deepEqual(await watcher.next(), { done: true, value: undefined });
});

test("a bookmark moves the cursor and is told; many of them do not pile up", async () => {
  const { server, client, watcher, told } = await start();
  let request = await server.subscribed(1);
  server.frame(request, 2, [set(2)]);
  for (let seq = 3; seq <= 50; seq++) server.frame(request, seq);
  await exchanged(server, client);
  assert.deepEqual(await taken(watcher, 1), ["2.0"]);
  assert.equal(watcher.cursor, "aa:50");
  assert.deepEqual(told, [], "the consumer is not back from 2.0");
  const next = watcher.next();
  assert.deepEqual(told, [["bookmark", "aa:50"]]);
  server.cut();
  request = await server.subscribed(50);
  assert.equal(request.data.from, "aa:50");
  server.frame(request, 51, [set(51)]);
  assert.equal((await next).value.seq, 51);
});

const compacted = { code: "compacted", error: "gone", oldest: "aa:90" };

test("compacted at a resume: what there is, then gap and a GapError with the oldest", async () => {
  const { server, watcher, told } = await start();
  const request = await server.subscribed(7);
  server.frame(request, 8, [set(8)]);
  await until(() => watcher.cursor !== undefined);
  server.cut();
  server.reply(await server.request("sub"), compacted);
  assert.deepEqual(await taken(watcher, 1), ["8.0"]);
  const error = await watcher.next().catch((reason) => reason);
  assert.ok(error instanceof GapError && error instanceof FluxionError);
  assert.deepEqual([error.name, error.code, error.oldest], ["GapError", "compacted", "aa:90"]);
  assert.deepEqual(told.at(-1), ["gap", { oldest: "aa:90", cursor: "aa:8" }]);
  assert.deepEqual(await watcher.next(), { done: true, value: undefined });
});

test("compacted at the first from", async () => {
  const { server, watcher } = await start({ from: "bb:3" });
  server.reply(await server.request("sub"), compacted);
  await assert.rejects(watcher.ready, GapError);
  await assert.rejects(watcher.next(), { oldest: "aa:90" });
});

test("compacted in the middle, as an end by the server", async () => {
  const { server, watcher } = await start();
  const request = await server.subscribed(7);
  server.frame(request, 7, [], compacted);
  await assert.rejects(watcher.next(), { name: "GapError", oldest: "aa:90" });
});

test("onGap snapshot: gap, then a snapshot of the other history, then what follows", async () => {
  const { server, watcher, told } = await start({ onGap: "snapshot" });
  let request = await server.subscribed(7);
  server.frame(request, 8, [set(8)]);
  assert.deepEqual(await taken(watcher, 1), ["8.0"]);
  server.log = "bb";
  server.cut();
  const again = await server.request("sub");
  assert.equal(again.data.from, "aa:8");
  server.reply(again, { ...compacted, oldest: "bb:0" });
  request = await server.subscribed(0);
  assert.deepEqual([request.data.snapshot, request.data.from], [true, undefined]);
  const piece = { snapshot: true, more: true };
  server.frame(request, 0, [set(2), set(1)], piece);
  assert.deepEqual(await taken(watcher, 2), ["2.0", "1.0"]);
  assert.equal(watcher.cursor, "aa:8", "only the end mark moves it");
  server.frame(request, 3, [], { snapshot: true });
  server.frame(request, 4, [set(3), set(4)]);
  assert.deepEqual(await taken(watcher, 1), ["4.0"]);
  assert.equal(watcher.cursor, "bb:4");
  assert.deepEqual(told, [["gap", { oldest: "bb:0", cursor: "aa:8" }], ["reconnected"],
    ["snapshotStart"], ["snapshotEnd", "bb:3"]]);
});

test("a snapshot: its events say so, and those told are in place among the events", async () => {
  const { server, client } = await start();
  const watcher = client.watch({ kind: "keys", snapshot: true });
  await server.subscribed(0);
  const request = await server.subscribed(0);
  const order = [];
  watcher.on("snapshotStart", () => order.push("start"));
  watcher.on("snapshotEnd", (cursor) => order.push(cursor));
  server.frame(request, 0, [set(3), set(1)], { snapshot: true, more: true });
  server.frame(request, 0, [set(2)], { snapshot: true, more: true });
  server.frame(request, 9, [], { snapshot: true });
  server.frame(request, 10, [set(10)]);
  for await (const { seq, snapshot } of watcher) {
    order.push([seq, snapshot, watcher.cursor]);
    await new Promise(setImmediate); // so that the consumer is slower than the server
    if (seq === 10) break;
  }
  assert.deepEqual(order, ["start", [3, true, undefined], [1, true, undefined],
    [2, true, order[3][2]], "aa:9", [10, undefined, "aa:10"]]);
  assert.equal((await server.request("unsub")).data.sub, request.id);
});

test("a snapshot cut short starts anew, and its pieces that wait are forgotten", async () => {
  const { server, watcher, told } = await start({ snapshot: true });
  let request = await server.subscribed(0);
  server.frame(request, 0, [set(1), set(2), set(3)], { snapshot: true, more: true });
  assert.deepEqual(await taken(watcher, 1), ["1.0"]);
  server.cut();
  request = await server.subscribed(0);
  assert.equal(request.data.snapshot, true);
  assert.equal(request.data.from, undefined);
  server.frame(request, 0, [set(4)], { snapshot: true, more: true });
  assert.deepEqual(await taken(watcher, 1), ["4.0"]);
  server.frame(request, 0, [], { code: "evicted", error: "too slow" });
  request = await server.subscribed(0);
  assert.equal(request.data.snapshot, true);
  assert.equal(watcher.cursor, undefined);
  server.frame(request, 0, [set(5)], { snapshot: true, more: true });
  server.frame(request, 8, [], { snapshot: true });
  assert.deepEqual(await taken(watcher, 1), ["5.0"]);
  assert.deepEqual(told.filter(([name]) => name !== "reconnected"),
    [["snapshotStart"], ["snapshotStart"], ["snapshotStart"]]);
  server.frame(request, 9, [set(9)]);
  assert.deepEqual(await taken(watcher, 1), ["9.0"]);
  assert.deepEqual(told.at(-1), ["snapshotEnd", "aa:8"]);
  server.cut();
  assert.equal((await server.request("sub")).data.from, "aa:9");
});

test("events before a gap stay when the snapshot after it is cut short", async () => {
  const { server, watcher } = await start({ onGap: "snapshot" });
  let request = await server.subscribed(0);
  server.frame(request, 2, [set(1), set(2)]);
  server.frame(request, 2, [], compacted);
  await server.request("sub"); // in flight when it is cut
  server.cut();
  request = await server.subscribed(0);
  server.frame(request, 0, [set(77)], { snapshot: true, more: true });
  server.cut();
  request = await server.subscribed(0);
  server.frame(request, 0, [set(88)], { snapshot: true, more: true });
  server.frame(request, 99, [], { snapshot: true });
  assert.deepEqual(await taken(watcher, 3), ["1.0", "2.0", "88.0"]);
});

test("a slow consumer: it gives the subscription back and takes it up again", async () => {
  const { server, client, watcher } = await start({ maxBuffered: 10 });
  let request = await server.subscribed(0);
  for (let seq = 1; seq <= 5; seq++) server.frame(request, seq, [set(seq, 0), set(seq, 1)]);
  server.frame(request, 5, [set(6, 0), set(6, 1)], { more: true });
  const { id, data } = await server.request("unsub");
  assert.equal(data.sub, request.id);
  server.frame(request, 6, [set(6, 2)]); // on its way when the server reads the unsub
  server.reply({ id });
  await exchanged(server, client);
  assert.deepEqual(await taken(watcher, 6), ["1.0", "1.1", "2.0", "2.1", "3.0", "3.1"]);
  await exchanged(server, client);
  assert.deepEqual(server.pending("sub"), []);
  assert.deepEqual(await taken(watcher, 1), ["4.0"]);
  request = await server.subscribed(5);
  assert.equal(request.data.from, "aa:5");
  server.frame(request, 6, [set(6, 0), set(6, 1), set(6, 2)]);
  assert.deepEqual(await taken(watcher, 6), ["4.1", "5.0", "5.1", "6.0", "6.1", "6.2"]);
  assert.equal(watcher.cursor, "aa:6");
});

test("cut while it waits for a slow consumer: reconnected, once it goes on", async () => {
  const { server, client, watcher, told } = await start({ maxBuffered: 2 });
  let request = await server.subscribed(0);
  for (const first of [1, 4]) {
    for (let seq = first; seq < first + 3; seq++) server.frame(request, seq, [set(seq)]);
    server.reply(await server.request("unsub"));
    await exchanged(server, client);
    if (first === 4) {
      server.cut();
      await until(() => server.accepted === 2);
      await exchanged(server, client);
    }
    await taken(watcher, 3);
    assert.deepEqual(told, [], "neither by the pause, nor before it goes on");
    request = await server.subscribed(first + 2);
  }
  await exchanged(server, client);
  assert.deepEqual(told, [["reconnected"]]);
});

test("an entry of the log longer than the buffer comes through a slow consumer", async () => {
  const { server, watcher } = await start({ maxBuffered: 2 });
  const all = Array.from({ length: 20 }, (_, i) => set(1, i));
  const serve = async () => {
    for (;;) {
      const request = await server.subscribed(0);
      for (const event of all) server.frame(request, event.i < 19 ? 0 : 1, [event],
        event.i < 19 ? { more: true } : {});
    }
  };
  void serve();
  assert.deepEqual(await taken(watcher, 20), all.map(({ i }) => `1.${i}`));
  assert.equal(watcher.cursor, "aa:1");
});

test("bytes count too", async () => {
  const { server, watcher } = await start();
  const request = await server.subscribed(0);
  for (let seq = 1; seq <= 3; seq++) {
    server.frame(request, seq, [{ ...set(seq), value: "x".repeat(6_000_000) }]);
  }
  await server.request("unsub");
  assert.deepEqual(await taken(watcher, 3), ["1.0", "2.0", "3.0"]);
  assert.equal((await server.request("sub")).data.from, "aa:3");
});

test("a snapshot is taken whole, however slow the consumer, and then it pauses", async () => {
  const { server, watcher } = await start({ snapshot: true, maxBuffered: 2 });
  const request = await server.subscribed(0);
  for (let key = 0; key < 10; key++) {
    server.frame(request, 0, [set(1)], { snapshot: true, more: true });
  }
  server.frame(request, 5, [], { snapshot: true });
  await server.request("unsub");
  assert.equal((await taken(watcher, 10)).length, 10);
  assert.equal((await server.request("sub")).data.from, "aa:5");
});

test("listeners get events as they come, in order with all else", async () => {
  const { server, watcher } = await start();
  const seen = [];
  watcher.on("event", ({ seq }) => seen.push([seq, watcher.cursor]));
  watcher.on("bookmark", (cursor) => seen.push(cursor));
  const request = await server.subscribed(0);
  server.frame(request, 2, [set(1), set(2)]);
  server.frame(request, 5);
  await heard(watcher, "bookmark");
  assert.deepEqual(seen, [[1, "aa:0"], [2, "aa:2"], "aa:5"]);
});

test("a listener that was removed, one that throws, one that closes", async () => {
  const { server, watcher } = await start();
  const seen = [];
  const removed = () => seen.push("removed");
  const caught = catchUncaught();
  watcher.on("event", removed).off("event", removed).on("event", () => {
    throw new Error("a fault of the program");
  });
  watcher.on("event", ({ seq }) => {
    seen.push(seq);
    if (seq === 2) void watcher.close();
  });
  const request = await server.subscribed(0);
  server.frame(request, 3, [set(1), set(2), set(3)]);
  await server.request("unsub");
  assert.deepEqual(seen, [1, 2]);
  assert.deepEqual(caught.end().map(({ message }) => message),
    ["a fault of the program", "a fault of the program"]);
  assert.equal(watcher.cursor, "aa:0", "3.0 of this frame was not handed out");
});

test("a loop and listeners: the loop sets the pace, both see all", async () => {
  const { server, watcher } = await start();
  const heardOf = [];
  watcher.on("event", ({ seq }) => heardOf.push(seq));
  const request = await server.subscribed(0);
  server.frame(request, 3, [set(1), set(2), set(3)]);
  const looped = [];
  for await (const { seq } of watcher) {
    looped.push(seq);
    assert.deepEqual(heardOf, looped);
    await new Promise(setImmediate);
    if (seq === 3) break;
  }
  assert.deepEqual(looped, [1, 2, 3]);
});

const endings = {
  "close()": ({ watcher }) => watcher.close(),
  "its signal": ({ controller }) => controller.abort(),
  "close() of the client": ({ client }) => client.close(),
};
for (const [name, end] of Object.entries(endings)) {
  test(`${name} ends the loop`, async () => {
    const controller = new AbortController();
    const { server, client, watcher } = await start({ signal: controller.signal });
    const request = await server.subscribed(0);
    server.frame(request, 1, [set(1)]);
    const loop = (async () => {
      const seen = [];
      for await (const { seq } of watcher) {
        seen.push(seq);
        if (seq === 1) setImmediate(() => void end({ watcher, controller, client }));
      }
      return seen;
    })();
    assert.deepEqual(await loop, [1]);
    assert.equal(watcher.closed, true);
    if (name !== "close() of the client") {
      assert.equal((await server.request("unsub")).data.sub, request.id);
    }
  });
}

test("closed before the reply: it is given back when the reply comes", async () => {
  const { server, watcher } = await start();
  const request = await server.request("sub");
  const closed = watcher.close();
  await closed;
  server.reply(request, { seq: 0, log: "aa" });
  assert.equal((await server.request("unsub")).data.sub, request.id);
  await assert.rejects(watcher.ready, { code: "closed" });
});

test("closed before it was sent, or with a signal that is aborted: nothing is sent", async () => {
  const { server, client, watcher } = await start();
  await watcher.close();
  const aborted = client.watch({ kind: "keys", signal: AbortSignal.abort() });
  assert.deepEqual(await aborted.next(), { done: true, value: undefined });
  const marker = client.getKeys({ col: "c" });
  server.reply(await server.request("gkeys"), { keys: [] });
  await marker;
  assert.deepEqual(server.pending("sub"), []);
});

test("nobody there, or a server that gave up on: the loop rejects", async () => {
  const nobody = track(new FluxionClient({ url: "ws://127.0.0.1:1" }));
  await assert.rejects(nobody.watch({ kind: "keys" }).next(), { code: "connection_failed" });
  const { server, watcher } = await start({}, { maxReconnectAttempts: 0 });
  await server.subscribed(0);
  await watcher.ready;
  server.cut();
  await assert.rejects(watcher.next(), { code: "connection_lost" });
  const closed = track(new FluxionClient({ url: server.url }));
  await closed.close();
  await assert.rejects(closed.watch({ kind: "keys" }).next(), { code: "closed" });
});

test("errors go to the listener of error; where nobody hears them they are thrown", async () => {
  const { server, client, watcher } = await start({ match: "/(/" });
  watcher.on("event", () => {});
  const error = heard(watcher, "error");
  server.reply(await server.request("sub"), { code: "bad_regex", error: "no" });
  assert.equal((await error).code, "bad_regex");
  const caught = catchUncaught();
  const unheard = client.watch({ kind: "keys", match: "/[/" }).on("event", () => {});
  server.reply(await server.request("sub"), { code: "bad_regex", error: "no" });
  await until(() => unheard.closed);
  await settled();
  assert.deepEqual(caught.end().map(({ code }) => code), ["bad_regex"]);
});

test("several watchers on one connection, each with its own frames", async () => {
  const { server, client, watcher } = await start({ col: "a" });
  const other = client.watch({ kind: "docs", col: "b" });
  const first = await server.subscribed(0);
  const second = await server.subscribed(0);
  assert.notEqual(first.id, second.id);
  const inserted = { seq: 1, i: 0, op: "inserted", col: "b", doc: "d", ts: 5, data: "x" };
  server.frame(second, 1, [inserted]);
  server.frame(first, 2, [set(2)]);
  server.frame({ id: "nobody's" }, 3, [set(3)]);
  assert.deepEqual((await other.next()).value, inserted);
  assert.deepEqual(await taken(watcher, 1), ["2.0"]);
});

test("timestamps are bigints where the client has them so", async () => {
  const { server, client } = await start({}, { timestamps: "bigint" });
  await server.subscribed(0);
  const watcher = client.watch({ kind: "docs" });
  const request = await server.subscribed(0);
  const more = { i: 0, col: "c", doc: "d" };
  server.frame(request, 2, [{ seq: 1, ...more, op: "inserted", ts: 5, data: "x" },
    { seq: 2, ...more, op: "deleted", from: 1, to: 9 }]);
  const inserted = (await watcher.next()).value;
  const deleted = (await watcher.next()).value;
  assert.deepEqual([inserted.ts, deleted.from, deleted.to, inserted.seq], [5n, 1n, 9n, 1]);
});

test("options that make no sense are TypeErrors that name them", async () => {
  const { client } = await start();
  const wrong = [
    [{ kind: "tables" }, /kind/],
    [{}, /kind/],
    [{ kind: "keys", cols: "c" }, /cols/],
    [{ kind: "keys", col: 5 }, /col/],
    [{ kind: "keys", from: {} }, /from/],
    [{ kind: "keys", from: "aa:1", snapshot: true }, /from and snapshot/],
    [{ kind: "keys", snapshot: "yes" }, /snapshot/],
    [{ kind: "keys", fields: "value" }, /fields/],
    [{ kind: "keys", signal: {} }, /signal/],
    [{ kind: "keys", onGap: "ignore" }, /onGap/],
    [{ kind: "keys", maxBuffered: 0 }, /maxBuffered/],
  ];
  for (const [options, message] of wrong) {
    assert.throws(() => client.watch(options), { name: "TypeError", message });
  }
});
