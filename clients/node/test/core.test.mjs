// The connection's life with a clock, chance and sockets of the test's own.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Client } from "../dist/esm/client.js";
import { TimeoutError } from "../dist/esm/errors.js";
import { withDefaults } from "../dist/esm/options.js";
import { keyProtocols } from "../dist/esm/platform.js";
import { FakePlatform, settled } from "./support/fake_platform.mjs";

const INTERVAL = 100;
const MOST = 1000;

function make(options = {}) {
  const platform = new FakePlatform();
  const client = new Client(
    {
      url: "ws://test",
      apiKey: "k",
      reconnectInterval: INTERVAL,
      maxReconnectInterval: MOST,
      connectTimeout: 5000,
      requestTimeout: 60_000,
      heartbeatInterval: 1000,
      heartbeatTimeout: 300,
      ...options,
    },
    platform,
  );
  return { platform, client };
}

const outcome = (promise) =>
  promise.then((value) => ({ value }), (error) => ({ error, code: error.code }));

for (const chance of [0, 0.25, 0.999]) {
  test(`back-off: attempt n after ${chance} * min(max, base * 2^n)`, async () => {
    const { platform, client } = make();
    const connected = client.connect();
    await platform.greet();
    await connected;
    platform.chance = chance;
    for (let n = 0; n < 8; n++) {
      const droppedAt = platform.now;
      await platform.drop();
      const delay = chance * Math.min(MOST, INTERVAL * 2 ** n);
      const count = platform.sockets.length;
      if (delay > 1) {
        await platform.advance(delay - 1);
        assert.equal(platform.sockets.length, count, `attempt ${n} came too soon`);
      }
      await platform.advance(delay > 1 ? 1 : delay);
      assert.equal(platform.sockets.length, count + 1, `attempt ${n} did not come`);
      assert.ok(Math.abs(platform.socket.at - droppedAt - delay) < 1e-6);
    }
    await client.close();
    assert.equal(platform.timerCount, 0);
  });
}

test("a connection that was ready starts the back-off anew", async () => {
  const { platform, client } = make({ maxReconnectAttempts: 2 });
  const connected = client.connect();
  await platform.greet();
  await connected;
  platform.chance = 0.999;
  for (let round = 0; round < 5; round++) {
    await platform.drop();
    await platform.advance(INTERVAL);
    await platform.greet();
    assert.equal(client.state, "ready");
  }
  await client.close();
});

test("at most maxReconnectAttempts; then waiting reject, and the next starts anew", async () => {
  const { platform, client } = make({ maxReconnectAttempts: 3 });
  const connected = client.connect();
  await platform.greet();
  await connected;
  await platform.drop();
  const waiting = outcome(client.fetchCollections());
  for (let n = 0; n < 3; n++) {
    await platform.advance(MOST);
    await platform.drop();
  }
  assert.equal(platform.sockets.length, 4);
  assert.equal((await waiting).code, "connection_failed");
  assert.equal(client.state, "idle");
  assert.equal(platform.timerCount, 0);
  const next = client.fetchCollections();
  await platform.greet();
  await platform.reply({ collections: ["c"] });
  assert.deepEqual(await next, ["c"]);
  await client.close();
});

test("the first connect fails at once, for every caller that shares it", async () => {
  const { platform, client } = make();
  const calls = [client.connect(), client.connect(), client.fetchCollections()].map(outcome);
  await platform.drop({ closeCode: 1006, reason: "no such host" });
  for (const { code, error } of await Promise.all(calls)) {
    assert.equal(code, "connection_failed");
    assert.match(error.message, /no such host/);
  }
  assert.equal(platform.sockets.length, 1);
  assert.equal(platform.timerCount, 0);
});

test("with maxReconnectAttempts set, the first connection is tried so often more", async () => {
  const { platform, client } = make({ maxReconnectAttempts: 4 });
  const states = [];
  client.onStateChange((state) => states.push(state));
  for (let round = 0; round < 2; round++) {
    const opened = platform.sockets.length;
    const calls = [outcome(client.connect()), outcome(client.fetchCollections())];
    for (let n = 0; n < 4; n++) {
      await platform.drop({ closeCode: 1006, reason: "refused" });
      const delay = platform.chance * Math.min(MOST, INTERVAL * 2 ** n);
      assert.equal(client.state, "connecting");
      await platform.advance(delay - 1);
      assert.equal(platform.sockets.length, opened + n + 1, `attempt ${n} came too soon`);
      await platform.advance(1);
      assert.equal(platform.sockets.length, opened + n + 2, `attempt ${n} did not come`);
    }
    await platform.drop({ closeCode: 1006, reason: "refused" });
    for (const { code, error } of await Promise.all(calls)) {
      assert.equal(code, "connection_failed");
      assert.match(error.message, /refused/);
    }
    assert.equal(client.state, "idle");
  }
  assert.deepEqual(states, ["connecting", "idle", "connecting", "idle"]);
  const third = client.connect();
  await platform.drop();
  await platform.advance(INTERVAL);
  await platform.greet();
  await third;
  await client.close();
  assert.equal(platform.timerCount, 0);
});

test("connect() waits for all attempts, or as long as it says", async () => {
  const { platform, client } = make({ maxReconnectAttempts: 2 });
  const patient = outcome(client.connect());
  const hasty = outcome(client.connect(6000));
  await platform.advance(6000);
  assert.equal((await hasty).code, "connection_failed");
  assert.equal(client.state, "connecting");
  await platform.advance(20_000);
  assert.equal((await patient).code, "connection_failed");
  assert.equal(platform.sockets.length, 3);
  assert.equal(platform.timerCount, 0);
});

test("a refused key ends the first connection at once, whatever maxReconnectAttempts", async () => {
  const { platform, client } = make({ maxReconnectAttempts: 4 });
  const connected = outcome(client.connect());
  await platform.drop({ closeCode: 1006, status: 401, reason: "" });
  assert.equal((await connected).code, "unauthorized");
  assert.equal(platform.sockets.length, 1);
  assert.equal(platform.timerCount, 0);
});

test("maxReconnectAttempts: 0 is one attempt", async () => {
  const { platform, client } = make({ maxReconnectAttempts: 0 });
  const connected = outcome(client.connect());
  await platform.drop();
  assert.equal((await connected).code, "connection_failed");
  assert.equal(platform.timerCount, 0);
});

test("a request of more than maxMessageBytes is too_large and not sent", async () => {
  const frame = (value) =>
    Buffer.byteLength(`{"id":"1","type":"sval","data":{"col":"c","key":"k","value":"${value}"}}`);
  for (const letter of ["x", "ü", "€", "😀"]) {
    const value = letter.repeat(50);
    const { platform, client } = make({ maxMessageBytes: frame(value) });
    const longer = outcome(client.setValue({ col: "c", key: "kk", value }));
    const { code, error } = await longer;
    assert.deepEqual([code, error.type, error.outcomeUnknown], ["too_large", "sval", false]);
    assert.match(error.message, new RegExp(`maxMessageBytes, ${frame(value)}`));
    assert.equal(client.state, "idle");
    const fits = client.setValue({ col: "c", key: "k", value });
    await platform.greet();
    assert.equal(platform.socket.sent.length, 1);
    await platform.reply({ seq: 1, ver: 1 });
    await fits;
    await client.close();
  }
});

test("by default a message has at most 16 MiB", async () => {
  const { platform, client } = make();
  const value = "x".repeat(16 * 1024 * 1024);
  assert.equal((await outcome(client.setValue({ col: "c", key: "k", value }))).code, "too_large");
  const records = Array.from({ length: 200_000 }, (_, ts) =>
    ({ ts, doc: "a-document", data: "x".repeat(50), col: "a-collection" }));
  assert.equal((await outcome(client.insertMultipleRecords(records))).code, "too_large");
  const piece = outcome(client.insertMultipleRecords(records.slice(0, 10_000)));
  await platform.greet();
  assert.equal(platform.socket.sent.length, 1);
  await client.close();
  assert.equal((await piece).code, "closed");
});

test("defaults", () => {
  const { url, apiKey, batch, ...numbers } = withDefaults({ url: "ws://test" });
  assert.deepEqual([url, apiKey, batch], ["ws://test/", "", undefined]);
  assert.deepEqual(numbers, {
    reconnectInterval: 500,
    maxReconnectInterval: 10_000,
    maxReconnectAttempts: Infinity,
    retriesFirst: false,
    connectTimeout: 10_000,
    requestTimeout: 30_000,
    heartbeatInterval: 20_000,
    heartbeatTimeout: 10_000,
    maxMessageBytes: 16_777_216,
    exact: false,
  });
});

test("a request's errors carry its type", async () => {
  const { platform, client } = make();
  const seen = async (promise) => {
    const { code, error } = await promise;
    return [code, error.type];
  };
  const failed = [outcome(client.connect()), outcome(client.getKeys({ col: "c" }))];
  await platform.drop();
  assert.deepEqual(await seen(failed[0]), ["connection_failed", undefined]);
  assert.deepEqual(await seen(failed[1]), ["connection_failed", "gkeys"]);
  const lost = [outcome(client.getValue({ col: "c", key: "k" })), outcome(client.listApiKeys())];
  await platform.greet();
  await platform.drop();
  assert.deepEqual(await seen(lost[0]), ["connection_lost", "gval"]);
  assert.deepEqual(await seen(lost[1]), ["connection_lost", "keys"]);
  await platform.advance(INTERVAL);
  await platform.greet();
  const late = outcome(client.fetchCollections(10));
  await platform.advance(10);
  assert.deepEqual(await seen(late), ["request_timeout", "cols"]);
  const refused = outcome(client.deleteDocument({ doc: "d" }));
  await platform.reply({ error: "no", code: "forbidden" });
  assert.deepEqual(await seen(refused), ["forbidden", "ddoc"]);
  const unsafe = outcome(client.deleteMultipleRecords([{ col: "c", doc: "d", ts: 0.5 }]));
  assert.deepEqual(await seen(unsafe), ["bad_request", "dmrec"]);
  const half = outcome(client.setValue({ col: "c", key: "k", value: "\ud800" }));
  assert.deepEqual(await seen(half), ["bad_json", "sval"]);
  const closed = outcome(client.getConnections());
  await client.close();
  assert.deepEqual(await seen(closed), ["closed", "conn"]);
  assert.deepEqual(await seen(outcome(client.getConnections())), ["closed", "conn"]);
});

test("in flight is connection_lost; what waits is sent later, once, in order", async () => {
  const { platform, client } = make();
  const sent = outcome(client.setValue({ col: "c", key: "k", value: "1" }));
  await platform.greet();
  await platform.drop();
  const { code, error } = await sent;
  assert.equal(code, "connection_lost");
  assert.equal(error.outcomeUnknown, true);
  const later = ["2", "3"].map((value) => client.setValue({ col: "c", key: "k", value }));
  await platform.advance(INTERVAL);
  await platform.greet();
  assert.deepEqual(platform.socket.sent.map(({ data }) => data.value), ["2", "3"]);
  for (const request of platform.socket.sent) await platform.reply({ seq: 1, ver: 1 }, request);
  await Promise.all(later);
  await client.close();
});

const refusals = [
  { closeCode: 1006, status: 401, reason: "" },
  { closeCode: 4401, reason: "" },
];
for (const end of refusals) {
  test(`${end.status ?? end.closeCode} does not loop with a key that stays`, async () => {
    const { platform, client } = make();
    const connected = client.connect();
    await platform.greet();
    await connected;
    const inFlight = outcome(client.fetchCollections());
    await platform.drop(end);
    assert.equal((await inFlight).code, "connection_lost");
    assert.equal(client.state, "idle");
    assert.equal(platform.timerCount, 0);
  });

  test(`${end.status ?? end.closeCode} asks a provider once more, then stops`, async () => {
    const keys = ["old", "new", "newer"];
    const { platform, client } = make({ apiKey: async () => keys.shift() });
    const connected = client.connect();
    await platform.greet();
    await connected;
    await platform.drop(end);
    const waiting = outcome(client.fetchCollections());
    await platform.advance(INTERVAL);
    assert.deepEqual(platform.sockets.map(({ key }) => key), ["old", "new"]);
    await platform.drop(end);
    assert.equal((await waiting).code, "unauthorized");
    assert.equal(client.state, "idle");
    assert.equal(platform.timerCount, 0);
  });
}

test("a key that worked makes the next refusal the first again", async () => {
  const { platform, client } = make({ apiKey: () => "k" });
  const connected = client.connect();
  await platform.greet();
  await connected;
  for (let round = 0; round < 4; round++) {
    await platform.drop({ closeCode: 4401, reason: "" });
    assert.equal(client.state, "reconnecting");
    await platform.advance(INTERVAL);
    await platform.greet();
    assert.equal(client.state, "ready");
  }
  await client.close();
});

test("close() lets go after a second if the other side does not answer", async () => {
  const { platform, client } = make();
  platform.answersClose = false;
  const connected = client.connect();
  await platform.greet();
  await connected;
  let isClosed = false;
  const closing = client.close().then(() => (isClosed = true));
  await platform.advance(999);
  assert.deepEqual([isClosed, platform.socket.isDestroyed], [false, false]);
  await platform.advance(1);
  await closing;
  assert.ok(platform.socket.isDestroyed);
  assert.equal(platform.timerCount, 0);
});

test("keys in subprotocols are base64url of UTF-8, unpadded", () => {
  for (const key of ["a", "ab", "abc", "aa>aa?", "ÿþýüûúùø", "ключ \u{1F511}", "+/=-_?&"]) {
    const expected = `fluxion.key.${Buffer.from(key).toString("base64url")}`;
    assert.deepEqual(keyProtocols(key), ["fluxion", expected]);
  }
  assert.match(keyProtocols("aa>aa?").join(), /-.*_|_.*-/, "a key that tells the alphabets apart");
  assert.deepEqual(keyProtocols(""), ["fluxion"]);
});

test("a provider that fails is a failed attempt; one that hangs times out", async () => {
  let provide = () => {
    throw new Error("the vault is shut");
  };
  const { platform, client } = make({ apiKey: () => provide() });
  const { code, error } = await outcome(client.connect());
  assert.equal(code, "connection_failed");
  assert.match(error.message, /vault is shut/);
  provide = () => new Promise(() => {});
  const hanging = outcome(client.connect());
  await platform.advance(5000);
  assert.equal((await hanging).code, "connection_failed");
  provide = () => 5;
  assert.equal((await outcome(client.connect())).code, "connection_failed");
  provide = () => "from-a-file\n";
  const ended = await outcome(client.connect());
  assert.match(ended.error.message, /apiKey holds a line end or a control character/);
  assert.ok(!ended.error.message.includes("from-a-file"));
  assert.equal(platform.sockets.length, 0);
  await client.close();
  assert.equal(platform.timerCount, 0);
});

test("no ready within connectTimeout, or something else first: connection_failed", async () => {
  const { platform, client } = make();
  const silent = outcome(client.connect());
  await platform.advance(5000);
  assert.equal((await silent).code, "connection_failed");
  assert.ok(platform.socket.isDestroyed);
  const stranger = outcome(client.connect());
  await settled();
  platform.socket.events.message("hello");
  assert.equal((await stranger).code, "connection_failed");
  assert.ok(platform.socket.isDestroyed);
});

for (const hasPing of [true, false]) {
  const how = hasPing ? "a ping" : "a cheap read";
  const asked = ({ socket }) => (hasPing ? socket.pings : socket.sent.length);

  test(`an idle connection sends ${how}, and lives on with an answer`, async () => {
    const { platform, client } = make();
    platform.hasPing = hasPing;
    const connected = client.connect();
    await platform.greet();
    await connected;
    for (let round = 1; round <= 3; round++) {
      await platform.advance(1000);
      assert.equal(asked(platform), round);
      if (hasPing) platform.socket.events.alive();
      else await platform.reply({ value: "", found: false, ver: 0 });
      await platform.advance(300);
    }
    assert.equal(client.state, "ready");
    await client.close();
  });

  test(`no answer to ${how} is a lost connection`, async () => {
    const { platform, client } = make();
    platform.hasPing = hasPing;
    const connected = client.connect();
    await platform.greet();
    await connected;
    const inFlight = outcome(client.fetchCollections());
    await platform.advance(1000);
    await platform.advance(299);
    assert.equal(client.state, "ready");
    await platform.advance(1);
    assert.equal(client.state, "reconnecting");
    assert.equal((await inFlight).code, "connection_lost");
    assert.ok(platform.sockets[0].isDestroyed);
    await client.close();
    assert.equal(platform.timerCount, 0);
  });
}

test("the cheap read is a gval of _ in _", async () => {
  const { platform, client } = make();
  platform.hasPing = false;
  const connected = client.connect();
  await platform.greet();
  await connected;
  await platform.advance(1000);
  const [{ type, data }] = platform.socket.sent;
  assert.deepEqual({ type, data }, { type: "gval", data: { col: "_", key: "_" } });
  await client.close();
});

test("any message counts as life", async () => {
  const { platform, client } = make();
  const connected = client.connect();
  await platform.greet();
  await connected;
  for (let round = 0; round < 5; round++) {
    platform.socket.events.message('{"type":"evt"}');
    await platform.advance(1000);
  }
  assert.equal(platform.socket.pings, 0);
  await client.close();
});

test("a long reply that is still coming in counts as life", async () => {
  const { platform, client } = make();
  const read = client.fetchCollections();
  await platform.greet();
  for (let round = 0; round < 5; round++) {
    platform.socket.bytes += 1000;
    await platform.advance(1000);
  }
  assert.equal(platform.socket.pings, 0);
  await platform.reply({ collections: ["c"] });
  assert.deepEqual(await read, ["c"]);
  await client.close();
});

test("request time limits: waiting or sent, from the call on", async () => {
  const { platform, client } = make();
  const waiting = outcome(client.fetchCollections(50));
  await platform.advance(50);
  assert.deepEqual([(await waiting).code, (await waiting).error.outcomeUnknown],
    ["request_timeout", false]);
  await platform.greet();
  assert.equal(platform.socket.sent.length, 0);
  const sent = outcome(client.fetchCollections({ timeout: 70 }));
  await platform.advance(70);
  assert.deepEqual([(await sent).code, (await sent).error.outcomeUnknown],
    ["request_timeout", true]);
  await platform.reply({ collections: [] }); // late: nobody waits for it
  assert.ok((await sent).error instanceof TimeoutError && TimeoutError.prototype instanceof Error);
  assert.equal((await sent).error.name, "TimeoutError");
  const unlimited = client.fetchCollections(0);
  for (let hours = 0; hours < 24; hours++) {
    platform.socket.events.alive();
    await platform.advance(900);
  }
  await platform.reply({ collections: ["c"] });
  assert.deepEqual(await unlimited, ["c"]);
  await client.close();
});

test("an aborted signal rejects with its reason, before, waiting and in flight", async () => {
  const { platform, client } = make();
  const reason = new Error("enough");
  const before = outcome(client.fetchCollections({ signal: AbortSignal.abort(reason) }));
  assert.equal((await before).error, reason);
  assert.equal(client.state, "idle", "a call that was aborted before does not connect");
  const stop = new AbortController();
  const connecting = outcome(client.connect({ signal: stop.signal }));
  const waiting = outcome(client.fetchCollections({ signal: stop.signal }));
  stop.abort(reason);
  assert.equal((await waiting).error, reason);
  assert.equal((await connecting).error, reason);
  await platform.greet();
  assert.equal(platform.socket.sent.length, 0);
  const stopSent = new AbortController();
  const sent = outcome(client.fetchCollections({ signal: stopSent.signal }));
  const other = client.getKeys({ col: "c" });
  stopSent.abort(reason);
  assert.equal((await sent).error, reason);
  await platform.reply({ keys: ["k"] });
  assert.deepEqual(await other, ["k"]);
  await client.close();
  assert.equal(platform.timerCount, 0);
});

test("replies in any order go to their callers; nonsense in between is dropped", async () => {
  const { platform, client } = make();
  const calls = ["a", "b", "c"].map((key) => client.getValue({ col: "c", key }));
  await platform.greet();
  platform.socket.events.message("not JSON");
  platform.socket.events.message('{"id":null,"error":"?","code":"bad_json"}');
  platform.socket.events.message("null");
  for (const request of [...platform.socket.sent].reverse()) {
    await platform.reply({ value: `of ${request.data.key}` }, request);
  }
  assert.deepEqual(await Promise.all(calls), ["of a", "of b", "of c"]);
  await client.close();
});

test("a listener hears every state until it is taken off", async () => {
  const { platform, client } = make();
  const states = [];
  const stop = client.onStateChange((state) => states.push(state));
  const connected = client.connect();
  await platform.greet();
  await connected;
  await platform.drop();
  await platform.advance(INTERVAL);
  await platform.greet();
  stop();
  await client.close();
  assert.deepEqual(states, ["connecting", "ready", "reconnecting", "ready"]);
});

test("events of an old connection do not touch the new one", async () => {
  const { platform, client } = make();
  const connected = client.connect();
  await platform.greet();
  await connected;
  const old = platform.socket;
  await platform.advance(1300); // no pong: given up, though its socket has not ended yet
  await platform.advance(INTERVAL);
  await platform.greet();
  assert.equal(client.state, "ready");
  old.events.ended({ closeCode: 1006, reason: "" });
  old.events.message('{"id":"1"}');
  await settled();
  assert.equal(client.state, "ready");
  await client.close();
});
