// What fails, with which code.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { CLIENT_CODES, FluxionClient, FluxionError } from "fluxion-client";
import { KEY, Server } from "./support/server.mjs";

let server;
const clients = {};
before(async () => {
  server = await Server.start();
  clients.master = new FluxionClient({ url: server.url, apiKey: KEY });
  for (const scope of ["readonly", "read_write", "read_write_delete"]) {
    await clients.master.addApiKey({ key: `key-of-${scope}`, scope });
    clients[scope] = new FluxionClient({ url: server.url, apiKey: `key-of-${scope}` });
  }
});
after(async () => {
  await Promise.all(Object.values(clients).map((client) => client.close()));
  await server.remove();
});

const record = (fields) => ({ ts: 1, doc: "d", data: "x", col: "c", ...fields });

// code | call; `sent` are refused by the server, the others before sending
const refused = [
  ["bad_request", (c) => c.insertSingleRecord(record({ doc: "" }))],
  ["bad_request", (c) => c.insertSingleRecord(record({ data: 5 }))],
  ["bad_request", (c) => c.insertSingleRecord(record({ ts: 1.5 }))],
  ["bad_request", (c) => c.insertSingleRecord(record({ ts: 2 ** 53 }))],
  ["bad_request", (c) => c.insertSingleRecord(record({ ts: NaN }))],
  ["bad_request", (c) => c.insertSingleRecord(record({ ts: 2n ** 63n }))],
  ["bad_request", (c) => c.insertSingleRecord(record({ ts: -(2n ** 63n) - 1n }))],
  ["bad_request", (c) => c.insertSingleRecord(record({ ts: "soon" }))],
  ["bad_request", (c) => c.insertSingleRecord(record({ ts: undefined }))],
  ["bad_json", (c) => c.insertSingleRecord(record({ data: "\ud800" }))],
  ["bad_json", (c) => c.setValue({ col: "c", key: "k", value: "a\\\udfffb" })],
  ["bad_request", (c) => c.fetchLatestRecords({ col: "c", ts: Infinity })],
  ["bad_request", (c) => c.fetchLatestRecords({ col: "c", ts: 1, from: 0.5 })],
  ["bad_request", (c) => c.fetchLatestRecords({ col: "", ts: 1 })],
  ["bad_request", (c) => c.fetchDocument({ col: "c", doc: "d", from: 2, to: 1 })],
  ["bad_request", (c) => c.fetchDocument({ col: "c", doc: "d", from: 1 })],
  ["bad_request", (c) => c.deleteRecord({ col: "c", doc: "d", ts: 1e300 })],
  ["bad_request", (c) => c.deleteMultipleRecords([{ col: "c", doc: "d", ts: 0.1 }])],
  ["bad_request", (c) => c.deleteRecordsRange({ col: "c", doc: "d", fromTs: 2, toTs: 1 })],
  ["bad_request", (c) => c.getValue({ col: "c", key: "" })],
  ["bad_regex", (c) => c.fetchLatestRecords({ col: "c", ts: 1, doc: "/(/" })],
  ["bad_regex", (c) => c.getValues({ col: "c", key: "/(?=x)/" })],
  ["too_large", (c) => c.setValue({ col: "c", key: "k".repeat(2000), value: "" })],
  ["compacted", (c) => c.fetchCollections({ minSeq: "0123456789abcdef0123456789abcdef:1" })],
  ["not_found", (c) => c.removeApiKey({ key: "no-such-key-at-all" })],
  ["forbidden", (c) => c.addApiKey({ key: KEY, scope: "readonly" })],
  ["bad_request", (c) => c.addApiKey({ key: "another-long-key", scope: "everything" })],
];
refused.forEach(([code, call], i) => {
  test(`${code} (${i + 1})`, async () => {
    const error = await rejection(call(clients.master));
    assert.ok(error instanceof FluxionError && error instanceof Error);
    assert.equal(error.name, "FluxionError");
    assert.equal(error.code, code, error.message);
    assert.notEqual(error.message, "");
    assert.equal(error.outcomeUnknown, false);
  });
});

test("errors hold the caller's stack, each its own", async (t) => {
  const batching = new FluxionClient({ url: server.url, apiKey: "key-of-readonly",
    batchInserts: true });
  t.after(() => batching.close());
  const nowhere = new FluxionClient({ url: "ws://127.0.0.1:1" });
  const calls = [
    (c) => c.getValue({ col: "", key: "" }),
    (c) => c.setValue({ col: "", key: "", value: "" }),
    (c) => c.deleteRecord({ col: "", doc: "", ts: 1 }),
    (c) => c.insertSingleRecord(record({ doc: "" })),
    (c) => c.insertSingleRecord(record({ ts: 0.5 })),
    () => batching.insertSingleRecord(record()),
    () => batching.insertSingleRecord(record()),
    () => nowhere.fetchCollections(),
    () => nowhere.connect(),
  ];
  const errors = await Promise.all(calls.map((call, i) => {
    const name = `caller${i}`;
    const { [name]: caller } = { [name]: async () => {
      await call(clients.master);
    } };
    return rejection(caller());
  }));
  errors.forEach(({ stack, code }, i) => {
    assert.match(stack, new RegExp(`caller${i}\\b`), `${i}: ${code}`);
    assert.match(stack, /^FluxionError: /);
  });
});

test("the rest of an error reply is in data", async () => {
  const { openSocket } = await import("../dist/esm/socket_node.js");
  const { Client } = await import("../dist/esm/client.js");
  const { CLOCK } = await import("../dist/esm/platform.js");
  const platform = {
    ...CLOCK,
    open: (url, key, events) =>
      openSocket(url, key, {
        ...events,
        message: (text) =>
          events.message(text.replace('"found":', '"error":"e","code":"conflict","found":')),
      }),
  };
  const client = new Client({ url: server.url, apiKey: KEY }, platform);
  const error = await rejection(client.getValue({ col: "c", key: "none" }));
  assert.equal(error.code, "conflict");
  assert.deepEqual(error.data, { value: "", found: false, ver: 0 });
  await client.close();
});

const calls = {
  read: (c) => c.fetchCollections(),
  write: (c) => c.setValue({ col: "c", key: "k", value: "v" }),
  delete: (c) => c.deleteDocument({ doc: "d" }),
  master: (c) => c.listApiKeys(),
};
const scopes = {
  readonly: ["read"],
  read_write: ["read", "write"],
  read_write_delete: ["read", "write", "delete"],
  master: ["read", "write", "delete", "master"],
};
for (const [scope, allowed] of Object.entries(scopes)) {
  for (const [need, call] of Object.entries(calls)) {
    const may = allowed.includes(need);
    test(`${scope} ${may ? "may" : "may not"} ${need}`, async () => {
      if (may) await call(clients[scope]);
      else assert.equal((await rejection(call(clients[scope]))).code, "forbidden");
    });
  }
}

test("a wrong key is unauthorized, at once and without its text", async () => {
  const key = "a-wrong-key-of-the-test";
  const client = new FluxionClient({ url: server.url, apiKey: key });
  const states = [];
  client.onStateChange((state) => states.push(state));
  const error = await rejection(client.connect());
  assert.equal(error.code, "unauthorized");
  assert.equal((await rejection(client.fetchCollections())).code, "unauthorized");
  assert.ok(!`${error.stack}${JSON.stringify(error)}`.includes(key));
  assert.deepEqual(states, ["connecting", "idle", "connecting", "idle"]);
});

test("no key is unauthorized", async () => {
  const client = new FluxionClient({ url: server.url });
  const error = await rejection(client.connect());
  assert.deepEqual([error.code, error.message], ["unauthorized", "no API key was given"]);
  const inURL = new FluxionClient({ url: `${server.url}/?api-key=wrong` });
  assert.match((await rejection(inURL.connect())).message, /does not know this API key/);
});

test("nobody listens: connection_failed, with the cause in the text", async () => {
  const client = new FluxionClient({ url: "ws://127.0.0.1:1", apiKey: KEY });
  const error = await rejection(client.fetchCollections());
  assert.equal(error.code, "connection_failed");
  assert.match(error.message, /ECONNREFUSED/);
  assert.equal(error.outcomeUnknown, false);
});

test("another HTTP server: connection_failed, with the status", async () => {
  const http = createServer((_request, response) => response.end("hello"));
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
  const client = new FluxionClient({ url: `ws://127.0.0.1:${http.address().port}`, apiKey: KEY });
  const error = await rejection(client.connect());
  assert.equal(error.code, "connection_failed");
  assert.match(error.message, /HTTP status 200/);
  http.closeAllConnections();
  http.close();
});

test("after close() requests reject with closed, and connect() opens again", async () => {
  const client = new FluxionClient({ url: server.url, apiKey: KEY });
  await client.fetchCollections();
  await client.close();
  await client.close();
  assert.equal((await rejection(client.fetchCollections())).code, "closed");
  await client.connect();
  await client.fetchCollections();
  await client.close();
});

test("close() rejects what is pending", async () => {
  const client = new FluxionClient({ url: server.url, apiKey: KEY });
  const waiting = rejection(client.fetchCollections());
  const connecting = rejection(client.connect());
  await client.close();
  assert.deepEqual(pick(await waiting), ["closed", false]);
  assert.deepEqual(pick(await connecting), ["closed", false]);
  await client.connect();
  const sent = rejection(client.fetchCollections());
  await client.close();
  assert.deepEqual(pick(await sent), ["closed", true]);
});

test("logs never hold a key", async (t) => {
  const print = t.mock.method(console, "log", () => {});
  const key = "a-key-that-must-stay-secret";
  const { url } = server;
  for (const options of [{ url, apiKey: key }, { url: `${url}/?api-key=${key}` }]) {
    const client = new FluxionClient({ ...options, showLogs: true });
    await rejection(client.connect());
    const provided = new FluxionClient({ ...options, apiKey: () => key, showLogs: true });
    await rejection(provided.connect());
  }
  const lines = print.mock.calls.map((call) => call.arguments.join(" "));
  assert.ok(lines.length >= 4);
  assert.ok(lines.every((line) => !line.includes(key)), lines.join("\n"));
});

test("the client's own codes are listed", () => {
  assert.deepEqual(Object.keys(CLIENT_CODES).sort(), [
    "closed", "connection_failed", "connection_lost", "request_timeout",
  ]);
});

const pick = (error) => [error.code, error.outcomeUnknown];

function rejection(promise) {
  return promise.then(
    () => assert.fail("it resolved"),
    (error) => error,
  );
}
