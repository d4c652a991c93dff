// Joined inserts: how many frames, whose result, in which order.
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { Client } from "../dist/esm/client.js";
import { CLOCK } from "../dist/esm/platform.js";
import { openSocket } from "../dist/esm/socket_node.js";
import { FakePlatform, settled } from "./support/fake_platform.mjs";
import { KEY, Server } from "./support/server.mjs";

let server;
let client;
let frames;
/** A platform whose sockets note every frame that is sent. */
const counting = {
  ...CLOCK,
  open(url, key, events) {
    const socket = openSocket(url, key, events);
    const send = (frame) => {
      frames.push(JSON.parse(Buffer.from(frame).toString()));
      socket.send(frame);
    };
    return { ...socket, send };
  },
};
const clients = [];
async function make(batchInserts) {
  const made = new Client({ url: server.url, apiKey: KEY, batchInserts }, counting);
  clients.push(made);
  await made.connect();
  return made;
}
before(async () => {
  server = await Server.start();
});
beforeEach(async () => {
  frames = [];
  client = await make({ maxRecords: 500, maxDelayMs: 5 });
});
after(async () => {
  await Promise.all(clients.map((made) => made.close()));
  await server.remove();
});

const record = (ts, fields) => ({ ts, doc: "d", data: `at ${ts}`, col: "c", ...fields });
const inserts = () => frames.filter(({ type }) => type === "ins");
const outcome = (promise) => promise.then(({ seq }) => seq > 0, (error) => error.code);

test("2000 inserts at once are 4 frames of at most 500 records", async () => {
  const calls = Array.from({ length: 2000 }, (_, i) => client.insertSingleRecord(record(i)));
  for (const { seq } of await Promise.all(calls)) assert.ok(seq > 0);
  assert.deepEqual(inserts().map(({ data }) => data.length), [500, 500, 500, 500]);
  const records = await client.fetchDocument({ col: "c", doc: "d", from: 0, to: 5000 });
  assert.equal(records.length, 2000);
});

test("frames are bounded by length too", async () => {
  const data = "x".repeat(300_000);
  const calls = Array.from({ length: 8 }, (_, i) =>
    client.insertSingleRecord(record(i, { doc: "long", data })));
  await Promise.all(calls);
  assert.deepEqual(inserts().map((frame) => frame.data.length), [3, 3, 2]);
});

test("one insert longer than the bound goes alone", async () => {
  const big = client.insertMultipleRecords(
    Array.from({ length: 600 }, (_, i) => record(i, { doc: "big" })));
  const small = client.insertSingleRecord(record(1, { doc: "small" }));
  assert.deepEqual(await Promise.all([outcome(big), outcome(small)]), [true, true]);
  assert.deepEqual(inserts().map((frame) => frame.data.length), [600, 1]);
});

test("without the option each insert is a frame", async () => {
  const single = await make(false);
  await Promise.all([1, 2, 3].map((ts) => single.insertSingleRecord(record(ts))));
  assert.equal(inserts().length, 3);
});

test("true has defaults", async () => {
  const made = await make(true);
  await Promise.all(Array.from({ length: 900 }, (_, i) => made.insertSingleRecord(record(i))));
  assert.equal(inserts().length, 1);
});

const bad = {
  "an empty name": ["bad_request", { doc: "" }],
  "data of a wrong type": ["bad_request", { data: 5 }],
  "a name that is too long": ["too_large", { doc: "d".repeat(3000) }],
};
for (const [name, [code, fields]] of Object.entries(bad)) {
  test(`one bad record, ${name}, costs nobody else`, async () => {
    const doc = `beside ${name}`;
    const calls = [record(1, { doc }), record(2, { doc, ...fields }), record(3, { doc })];
    const results = await Promise.all(calls.map((r) => outcome(client.insertSingleRecord(r))));
    assert.deepEqual(results, [true, code, true]);
    assert.deepEqual(inserts().map(({ data }) => data.length), [3, 1, 1, 1]);
    const records = await client.fetchDocument({ col: "c", doc, from: 0, to: 9 });
    assert.deepEqual(records.map(({ ts }) => ts), [1, 3]);
  });
}

test("what the client refuses never joins", async () => {
  const results = await Promise.all(
    [record(1), record(0.5), record(2, { data: "\ud800" }), record(3)].map((r) =>
      outcome(client.insertSingleRecord(r))));
  assert.deepEqual(results, [true, "bad_request", "bad_json", true]);
  assert.deepEqual(inserts().map(({ data }) => data.length), [2]);
});

test("a read or another write called after inserts comes after them", async () => {
  const doc = "order";
  const first = client.insertSingleRecord(record(1, { doc }));
  const second = client.insertSingleRecord(record(2, { doc }));
  const read = client.fetchDocument({ col: "c", doc, from: 0, to: 9 });
  const removed = client.deleteRecord({ col: "c", doc, ts: 1 });
  const again = client.insertSingleRecord(record(3, { doc }));
  const last = client.fetchDocument({ col: "c", doc, from: 0, to: 9 });
  await Promise.all([first, second, removed, again]);
  assert.deepEqual((await read).map(({ ts }) => ts), [1, 2]);
  assert.deepEqual((await last).map(({ ts }) => ts), [2, 3]);
  assert.deepEqual(frames.map(({ type }) => type), ["ins", "qdoc", "drec", "ins", "qdoc"]);
});

test("the order stays when a joined frame is refused", async () => {
  const doc = "refused order";
  const calls = [
    client.insertSingleRecord(record(1, { doc, data: "old" })),
    client.insertSingleRecord(record(2, { doc, data: "" })),
    client.fetchDocument({ col: "c", doc, from: 0, to: 9 }),
    client.insertSingleRecord(record(1, { doc, data: "new" })),
    client.fetchDocument({ col: "c", doc, from: 0, to: 9 }),
  ].map((call) => call.catch((error) => error.code));
  const [, refused, before, , afterwards] = await Promise.all(calls);
  assert.equal(refused, "bad_request");
  assert.deepEqual(before, [{ ts: 1, data: "old" }]);
  assert.deepEqual(afterwards, [{ ts: 1, data: "new" }]);
});

test("a thousand mixed calls have the effect of the same calls one after another", async () => {
  let seed = 7;
  const next = (n) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
  const model = new Map();
  const checks = [];
  for (let i = 0; i < 1000; i++) {
    const ts = next(20);
    const kind = next(10);
    const at = record(ts, { doc: "mixed", data: `v${i}` });
    if (kind < 6) {
      model.set(ts, at.data);
      checks.push(client.insertSingleRecord(at));
    } else if (kind === 6) {
      checks.push(assert.rejects(client.insertSingleRecord({ ...at, data: "" }),
        { code: "bad_request" }));
    } else if (kind === 7) {
      model.delete(ts);
      checks.push(client.deleteRecord({ col: "c", doc: "mixed", ts }));
    } else {
      const expected = [...model].sort(([a], [b]) => a - b);
      checks.push(client.fetchDocument({ col: "c", doc: "mixed", from: 0, to: 99 }).then((found) =>
        assert.deepEqual(found.map((r) => [r.ts, r.data]), expected, `call ${i}`)));
    }
  }
  await Promise.all(checks);
});

const outcomeOf = (promise) => promise.then(() => "done", (error) => error.code ?? error);

function fake() {
  const platform = new FakePlatform();
  const options = { url: "ws://t", batchInserts: { maxRecords: 100, maxDelayMs: 10 } };
  return { platform, client: new Client({ ...options, reconnectInterval: 10 }, platform) };
}

test("a lost connection: connection_lost for every part, and nothing is sent again", async () => {
  const { platform, client: lone } = fake();
  lone.connect();
  await platform.greet();
  const calls = [1, 2].map((ts) => outcomeOf(lone.insertSingleRecord(record(ts))));
  await platform.advance(10);
  const held = outcomeOf(lone.fetchCollections());
  assert.equal(platform.socket.sent.length, 1);
  await platform.drop();
  assert.deepEqual(await Promise.all(calls), ["connection_lost", "connection_lost"]);
  await platform.advance(10);
  await platform.greet();
  assert.deepEqual(platform.socket.sent.map(({ type }) => type), ["cols"]);
  await platform.reply({ collections: [] });
  assert.equal(await held, "done");
  await lone.close();
  assert.equal(platform.timerCount, 0);
});

test("an aborted or late part leaves the others; a part that waits is not sent", async () => {
  const { platform, client: lone } = fake();
  lone.connect();
  await platform.greet();
  const stop = new AbortController();
  const calls = [
    lone.insertSingleRecord(record(1), { signal: stop.signal }),
    lone.insertSingleRecord(record(2)),
    lone.insertSingleRecord(record(3), 5),
    lone.insertSingleRecord(record(4), { timeout: 20 }),
  ].map(outcomeOf);
  stop.abort("stopped");
  await platform.advance(10);
  assert.deepEqual(platform.socket.sent[0].data.map(({ ts }) => ts), [2, 4]);
  await platform.advance(10);
  await platform.reply({ seq: 1 });
  assert.deepEqual(await Promise.all(calls), ["stopped", "done", "request_timeout",
    "request_timeout"]);
  await lone.close();
  assert.equal(platform.timerCount, 0);
});

test("a frame that was never sent is given up with its last caller", async () => {
  const { platform, client: lone } = fake();
  const stop = new AbortController();
  const limits = { signal: stop.signal };
  const calls = [1, 2].map((ts) => outcomeOf(lone.insertSingleRecord(record(ts), limits)));
  await platform.advance(10);
  stop.abort("stopped");
  assert.deepEqual(await Promise.all(calls), ["stopped", "stopped"]);
  const read = lone.fetchCollections();
  await platform.greet();
  await settled();
  assert.deepEqual(platform.socket.sent.map(({ type }) => type), ["cols"]);
  await platform.reply({ collections: [] });
  await read;
  await lone.close();
});

test("close() rejects what waits to be joined", async () => {
  const { platform, client: lone } = fake();
  lone.connect();
  await platform.greet();
  const waiting = outcomeOf(lone.insertSingleRecord(record(1)));
  await lone.close();
  assert.equal(await waiting, "closed");
  assert.equal(await outcomeOf(lone.insertSingleRecord(record(1))), "closed");
  assert.equal(platform.timerCount, 0);
});

test("a joined frame stays below maxMessageBytes, whatever the letters", async () => {
  for (const letter of ["x", "ü", "€", "😀"]) {
    const platform = new FakePlatform();
    const batchInserts = { maxRecords: 1000, maxDelayMs: 5 };
    const settings = { url: "ws://test", apiKey: "k", batchInserts, maxMessageBytes: 4000 };
    const joining = new Client(settings, platform);
    const connected = joining.connect();
    await platform.greet();
    await connected;
    const data = letter.repeat(50);
    const inserts = Array.from({ length: 100 }, (_, ts) =>
      joining.insertSingleRecord({ ts, doc: "d", data, col: "c" }));
    const sent = () => platform.socket.sent;
    let records = 0;
    for (let i = 0; records < 100; i++) {
      await platform.advance(5);
      const request = sent()[i];
      records += request.data.length;
      assert.ok(Buffer.byteLength(JSON.stringify(request)) <= 4000);
      await platform.reply({ seq: 1 }, request);
    }
    await Promise.all(inserts);
    assert.ok(sent().length < 50, `${sent().length} frames of ${letter}`);
    await joining.close();
  }
});
