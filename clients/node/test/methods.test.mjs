// Every method against the real server, step by step; each step sees what those before it did.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { FluxionClient, FluxionDBClient } from "fluxion-client";
import { KEY, Server } from "./support/server.mjs";

let server;
let client;
before(async () => {
  server = await Server.start();
  client = new FluxionClient({ url: server.url, apiKey: KEY, connectionName: "a name +&%" });
});
after(async () => {
  await client.close();
  await server.remove();
});

const record = (ts, doc, data, col = "c") => ({ ts, doc, data, col });
const odd = "\u0000ü\"\n😀";
const all = { col: "c", doc: "d", from: 0, to: 100 };

// name | call | what it resolves to
const steps = [
  ["connect", (c) => c.connect(), undefined],
  ["insertSingleRecord", (c) => c.insertSingleRecord(record(1, "d", "one")), { seq: 1 }],
  [
    "insertMultipleRecords",
    (c) => c.insertMultipleRecords([record(2, "d", "two"), record(3, "e", "three"),
      record(1, "d", "ONE"), record(9, "d", "nine", "other")]),
    { seq: 2 },
  ],
  ["no records", async (c) => (await c.insertMultipleRecords([])).seq >= 2, true],
  ["fetchCollections", async (c) => (await c.fetchCollections()).sort(), ["c", "other"]],
  [
    "fetchLatestRecords",
    (c) => c.fetchLatestRecords({ col: "c", ts: 5 }),
    { d: { ts: 2, data: "two" }, e: { ts: 3, data: "three" } },
  ],
  [
    "fetchLatestRecords, doc pattern",
    (c) => c.fetchLatestRecords({ col: "c", ts: 5n, doc: "/^E$/i" }),
    { e: { ts: 3, data: "three" } },
  ],
  [
    "fetchLatestRecords, from",
    (c) => c.fetchLatestRecords({ col: "c", ts: 5, from: 3 }),
    { e: { ts: 3, data: "three" } },
  ],
  [
    "fetchLatestRecords, where and filter",
    (c) => c.fetchLatestRecords({ col: "c", ts: 5, where: "t", filter: "/^tw/" }),
    { e: { ts: 3, data: "three" } },
  ],
  ["fetchLatestRecords, null is absent",
    (c) => c.fetchLatestRecords({ col: "c", ts: 1, doc: null, from: null }),
    { d: { ts: 1, data: "ONE" } }],
  ["fetchDocument", (c) => c.fetchDocument(all), [{ ts: 1, data: "ONE" }, { ts: 2, data: "two" }]],
  [
    "fetchDocument, limit and reverse",
    (c) => c.fetchDocument({ ...all, limit: 1, reverse: true }),
    [{ ts: 2, data: "two" }],
  ],
  [
    "fetchDocument, where",
    (c) => c.fetchDocument({ ...all, where: "/^O/", filter: "zero" }),
    [{ ts: 1, data: "ONE" }],
  ],
  ["deleteRecord", (c) => c.deleteRecord({ doc: "d", col: "c", ts: 1 }), { seq: 3 }],
  [
    "deleteMultipleRecords",
    (c) => c.deleteMultipleRecords([{ doc: "d", col: "c", ts: 2 }, { doc: "e", col: "c", ts: 3 }]),
    { seq: 4 },
  ],
  ["all three are gone", (c) => c.fetchLatestRecords({ col: "c", ts: 100 }), {}],
  [
    "deleteRecordsRange",
    async (c) => {
      await c.insertMultipleRecords([1, 2, 3, 4].map((ts) => record(ts, "d", `at ${ts}`)));
      await c.deleteRecordsRange({ doc: "d", col: "c", fromTs: 2, toTs: 3 });
      return (await c.fetchDocument(all)).map(({ ts }) => ts);
    },
    [1, 4],
  ],
  [
    "deleteDocument in one collection",
    async (c) => {
      await c.deleteDocument({ doc: "d", col: "c" });
      return c.fetchCollections();
    },
    ["other"],
  ],
  [
    "deleteDocument everywhere",
    async (c) => {
      await c.deleteDocument({ doc: "d" });
      return c.fetchCollections();
    },
    [],
  ],
  ["setValue", async (c) => (await c.setValue({ col: "k", key: "a", value: "1" })).ver > 0, true],
  [
    "setValue again",
    async (c) => Object.keys(await c.setValue({ col: "k", key: "b", value: odd })).sort(),
    ["id", "seq", "ver"],
  ],
  ["getValue", (c) => c.getValue({ col: "k", key: "b" }), odd],
  ["getValue of no key", (c) => c.getValue({ col: "k", key: "none" }), ""],
  [
    "getEntry",
    async (c) => {
      const { ver } = await c.setValue({ col: "k", key: "b", value: odd });
      const entry = await c.getEntry({ col: "k", key: "b" }, { minSeq: c.position });
      return [ver > 0, { ...entry, ver: entry.ver === ver }];
    },
    [true, { value: odd, found: true, ver: true }],
  ],
  ["getEntry of no key", (c) => c.getEntry({ col: "k", key: "none" }),
    { value: "", found: false, ver: 0 }],
  ["getValues", (c) => c.getValues({ col: "k" }), { a: "1", b: odd }],
  ["getValues of one key", (c) => c.getValues({ col: "k", key: "a" }), { a: "1" }],
  ["getValues of a pattern", (c) => c.getValues({ col: "k", key: "/^[A]$/i" }), { a: "1" }],
  ["getValues of nothing", (c) => c.getValues({ col: "k", key: "none" }), {}],
  ["getKeys", async (c) => (await c.getKeys({ col: "k" })).sort(), ["a", "b"]],
  [
    "deleteValue",
    async (c) => {
      await c.deleteValue({ col: "k", key: "a" });
      return c.getKeys({ col: "k" });
    },
    ["b"],
  ],
  [
    "deleteCollection",
    async (c) => {
      await c.deleteCollection({ col: "k" });
      return c.fetchCollections();
    },
    [],
  ],
  [
    "a document and a key named __proto__",
    async (c) => {
      await c.insertSingleRecord(record(1, "__proto__", "x", "p"));
      await c.setValue({ col: "p", key: "__proto__", value: "y" });
      const latest = await c.fetchLatestRecords({ col: "p", ts: 1 });
      return [Object.entries(latest), Object.entries(await c.getValues({ col: "p" }))];
    },
    [[["__proto__", { ts: 1, data: "x" }]], [["__proto__", "y"]]],
  ],
  [
    "addApiKey",
    async (c) => {
      const key = "a-reader-of-the-test";
      const { status, scope } = await c.addApiKey({ key, scope: "Read Only" });
      return { status, scope };
    },
    { status: "ok", scope: "readonly" },
  ],
  [
    "listApiKeys",
    async (c) => (await c.listApiKeys()).map(({ scope, deletable }) => ({ scope, deletable })),
    [{ scope: "master", deletable: false }, { scope: "readonly", deletable: true }],
  ],
  ["listApiKeys shows no key", async (c) => JSON.stringify(await c.listApiKeys()).includes(KEY),
    false],
  [
    "removeApiKey",
    async (c) => {
      await c.removeApiKey({ key: "a-reader-of-the-test" });
      return (await c.listApiKeys()).length;
    },
    1,
  ],
  [
    "getConnections",
    async (c) => (await c.getConnections()).map(({ ip, name, self }) => ({ ip, name, self })),
    [{ ip: "127.0.0.1", name: "a name +&%", self: true }],
  ],
  ["minSeq of a position", (c) => c.getKeys({ col: "q" }, { minSeq: c.position }), []],
  ["minSeq of a number", (c) => c.fetchCollections({ minSeq: 1 }), ["p"]],
  ["a time limit as a number", (c) => c.getValue({ col: "q", key: "a" }, 60_000), ""],
];

/** Writes resolve to the whole reply; its id is whatever the client chose. */
function withoutId(result) {
  if (typeof result?.id !== "string") return result;
  const { id, ...rest } = result;
  assert.notEqual(id, "");
  return rest;
}
for (const [name, call, expected] of steps) {
  test(name, async () => assert.deepEqual(withoutId(await call(client)), expected));
}

test("position and log follow ready and the writes", async () => {
  const { seq } = await client.setValue({ col: "s", key: "k", value: "v" });
  assert.match(client.log, /^[0-9a-f]{32}$/);
  assert.equal(client.position, `${client.log}:${seq}`);
  const other = new FluxionClient({ url: server.url, apiKey: KEY });
  assert.equal(other.position, undefined);
  assert.equal(await other.getValue({ col: "s", key: "k" }, { minSeq: client.position }), "v");
  assert.equal(other.position, client.position);
  await other.close();
});

test("the other names are the same class", async () => {
  assert.equal(FluxionDBClient, FluxionClient);
  assert.equal((await import("fluxion-client")).default, FluxionClient);
  const other = new FluxionDBClient({ url: server.url.replace("ws:", "http:"), apiKey: KEY });
  assert.deepEqual(await other.getKeys({ col: "s" }), ["k"]);
  await other.close();
});

test("the key may stand in the URL", async () => {
  const other = new FluxionClient({ url: `${server.url}/?api-key=${KEY}` });
  assert.deepEqual(await other.getKeys({ col: "s" }), ["k"]);
  await other.close();
});

test("a key that no header can hold", async () => {
  const key = "ключ with spaces \u{1F511}";
  await client.addApiKey({ key, scope: "readonly" });
  const other = new FluxionClient({ url: server.url, apiKey: key });
  assert.deepEqual(await other.getKeys({ col: "s" }), ["k"]);
  await other.close();
});

test("a hundred calls at once share one connection", async () => {
  const other = new FluxionClient({ url: server.url, apiKey: KEY, connectionName: "shared" });
  const values = Array.from({ length: 100 }, (_, i) => String(i));
  await Promise.all([
    other.connect(),
    other.connect(),
    ...values.map((value) => other.setValue({ col: "many", key: value, value })),
  ]);
  const connections = await other.getConnections();
  assert.equal(connections.filter(({ name }) => name === "shared").length, 1);
  assert.equal((await other.getKeys({ col: "many" })).length, 100);
  await other.close();
});

test("a read sees the writes called before it, awaited or not", async () => {
  for (let i = 0; i < 50; i++) {
    const write = client.setValue({ col: "order", key: "k", value: String(i) });
    assert.equal(await client.getValue({ col: "order", key: "k" }), String(i));
    await write;
  }
});

test("await using closes", async () => {
  const other = new FluxionClient({ url: server.url, apiKey: KEY });
  await other.connect();
  await other[Symbol.asyncDispose]();
  assert.equal(other.state, "closed");
});

const url = "ws://localhost";
// options | the message
const badOptions = [
  [undefined, /the options must be an object/],
  [{}, /url must start with ws:\/\/ or wss:\/\//],
  [{ url: "no url" }, /url must start with ws:\/\/ or wss:\/\//],
  [{ url: "localhost:8080" }, /url must start with ws:\/\/ or wss:\/\//],
  [{ url: "ftp://localhost" }, /url must start with ws:\/\/ or wss:\/\//],
  [{ url: "ws://a b?api-key=hidden" }, /^TypeError: url is not of the form ws:\/\/HOST:PORT$/],
  [{ url, apiKey: "from-a-file\n" }, /^TypeError: apiKey holds a line end or a control character$/],
  [{ url, apiKey: 5 }, /apiKey must be a string or a function/],
  [{ url, connectionName: 5 }, /connectionName must be a string, not 5/],
  [{ url, requestTimeout: -1 }, /requestTimeout must be at least 0, not -1/],
  [{ url, requestTimeout: "5s" }, /requestTimeout must be milliseconds, a number, not "5s"/],
  [{ url, heartbeatInterval: NaN }, /heartbeatInterval must be at least 0, not NaN/],
  [{ url, maxReconnectAttempts: "3" }, /maxReconnectAttempts must be a number, not "3"/],
  [{ url, maxMessageBytes: 0 }, /maxMessageBytes must be at least 1, not 0/],
  [{ url, timestamps: "Bigint" }, /timestamps must be "number" or "bigint", not "Bigint"/],
  [{ url, batchInserts: "yes" }, /batchInserts must be a boolean or an object, not "yes"/],
  [{ url, batchInserts: { maxDelay: 5 } }, /batchInserts: maxDelay is unknown; .*maxDelayMs/],
  [{ url, batchInserts: { maxRecords: 0 } }, /batchInserts\.maxRecords must be at least 1, not 0/],
  [{ url, batchInserts: { maxDelayMs: "2" } }, /batchInserts\.maxDelayMs must be milliseconds/],
  [{ url, apikey: "k" }, /the options: apikey is unknown; there are .*apiKey/],
];
for (const [options, message] of badOptions) {
  test(`refused: ${JSON.stringify(options)}`, () => {
    assert.throws(() => new FluxionClient(options), (error) => {
      assert.ok(error instanceof TypeError);
      assert.match(String(error), message);
      return !/hidden|from-a-file/.test(`${error.stack}${JSON.stringify(error)}`);
    });
  });
}

const badLimits = [
  ["5s", /a call's limits must be milliseconds or an object, not "5s"/],
  [-1, /the time limit must be at least 0, not -1/],
  [{ timeOut: 5 }, /a call's limits: timeOut is unknown; there are timeout, signal, minSeq/],
  [{ timeout: "5" }, /timeout must be milliseconds, a number, not "5"/],
  [{ signal: new AbortController() }, /signal must be an AbortSignal/],
  [{ minSeq: {} }, /minSeq must be a string or a number/],
];
for (const [limits, message] of badLimits) {
  test(`refused: a call with ${JSON.stringify(limits)}`, async () => {
    const record = { ts: 1, doc: "d", data: "x", col: "c" };
    for (const call of [
      () => client.connect(limits),
      () => client.insertSingleRecord(record, limits),
      () => client.fetchDocument(all, limits),
      () => client.setValue({ col: "c", key: "k", value: "v" }, limits),
    ]) {
      await assert.rejects(call(), (error) => {
        assert.ok(error instanceof TypeError);
        assert.match(error.message, message);
        return true;
      });
    }
  });
}
