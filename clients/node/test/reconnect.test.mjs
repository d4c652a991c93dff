// Lost connections to the real server.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, test } from "node:test";
import { FluxionClient } from "fluxion-client";
import { Proxy } from "./support/proxy.mjs";
import { KEY, Server } from "./support/server.mjs";

const open = [];
const track = (thing) => (open.push(thing), thing);
afterEach(async () => {
  for (const thing of open.splice(0).reverse()) await (thing.remove ?? thing.close).call(thing);
});

const startServer = async (...flags) => track(await Server.start(...flags));
const quick = { apiKey: KEY, reconnectInterval: 20, requestTimeout: 60_000 };
const make = (options) => track(new FluxionClient({ ...quick, ...options }));

function reached(client, state) {
  return new Promise((resolve) => {
    if (client.state === state) return resolve();
    const stop = client.onStateChange((now) => {
      if (now !== state) return;
      stop();
      resolve();
    });
  });
}

const outcome = (promise) => promise.then(() => "done", (error) => error.code);

test("kill -9 and a restart: in flight is connection_lost, what waits is done", async () => {
  const server = await startServer();
  const proxy = track(await Proxy.start(server.port));
  const client = make({ url: proxy.url });
  await client.setValue({ col: "c", key: "k", value: "before" });
  const { log } = client;
  proxy.isSilent = true; // so that the next request stays in flight
  const inFlight = client.setValue({ col: "c", key: "lost", value: "x" });
  const lost = reached(client, "reconnecting");
  const rejected = assert.rejects(inFlight, { code: "connection_lost", outcomeUnknown: true });
  await server.kill();
  await rejected;
  await lost;
  proxy.isSilent = false;
  const waiting = client.setValue({ col: "c", key: "waited", value: "y" });
  await server.start();
  await waiting;
  assert.deepEqual(await client.getValues({ col: "c" }), { k: "before", waited: "y" });
  assert.equal(client.log, log, "the same history goes on");
});

test("a server that stops in order, three times over", async () => {
  const server = await startServer();
  const client = make({ url: server.url });
  for (let round = 0; round < 3; round++) {
    await client.setValue({ col: "c", key: String(round), value: "x" });
    const lost = reached(client, "reconnecting");
    await server.kill("SIGTERM");
    await lost;
    await server.start();
    await reached(client, "ready");
    assert.equal((await client.getKeys({ col: "c" })).length, round + 1);
  }
});

test("a server that stays away: maxReconnectAttempts, then connection_failed", async () => {
  const server = await startServer();
  const client = make({ url: server.url, maxReconnectAttempts: 3 });
  await client.connect();
  const lost = reached(client, "reconnecting");
  await server.kill();
  await lost;
  assert.equal(await outcome(client.fetchCollections()), "connection_failed");
  assert.equal(client.state, "idle");
  await server.start();
  assert.deepEqual(await client.fetchCollections(), []);
});

test("a missed pong is a lost connection, and the next one works", async () => {
  const server = await startServer();
  const proxy = track(await Proxy.start(server.port));
  const client = make({ url: proxy.url, heartbeatInterval: 50, heartbeatTimeout: 3000 });
  await client.connect();
  proxy.isSilent = true;
  const inFlight = client.fetchCollections();
  await assert.rejects(inFlight, { code: "connection_lost" });
  proxy.isSilent = false;
  assert.deepEqual(await client.fetchCollections(), []);
  assert.ok(proxy.accepted >= 2);
});

test("an idle connection stays, by ping and pong", async () => {
  const server = await startServer();
  const proxy = track(await Proxy.start(server.port));
  const client = make({ url: proxy.url, heartbeatInterval: 20, heartbeatTimeout: 30_000 });
  await client.connect();
  const states = [];
  client.onStateChange((state) => states.push(state));
  const watcher = make({ url: server.url });
  // Some five heartbeats long, measured by the server.
  for (;;) {
    const idle = (await watcher.getConnections()).find(({ self }) => !self);
    if (idle.since > 150) break;
  }
  assert.equal(proxy.accepted, 1);
  assert.deepEqual(states, []);
});

test("a long request and a long reply with a quick heartbeat", async () => {
  const server = await startServer();
  const proxy = track(await Proxy.start(server.port));
  const client = make({ url: proxy.url, heartbeatInterval: 100, heartbeatTimeout: 20_000 });
  const value = "x".repeat(8_000_000);
  await client.setValue({ col: "c", key: "k", value });
  assert.equal((await client.getValue({ col: "c", key: "k" })).length, value.length);
  assert.equal(proxy.accepted, 1);
});

test("a message too long for the server is refused here, and costs no connection", async () => {
  const server = await startServer("--max-message", "64KiB");
  const proxy = track(await Proxy.start(server.port));
  const client = make({ url: proxy.url, maxMessageBytes: 65536 });
  const about = '{"id":"1","type":"sval","data":{"col":"c","key":"k","value":""}}'.length;
  const set = (value) => client.setValue({ col: "c", key: "k", value });
  await set("x".repeat(65536 - about));
  assert.equal(await outcome(set("x".repeat(65536 - about + 1))), "too_large");
  assert.equal((await client.getValue({ col: "c", key: "k" })).length, 65536 - about);
  assert.equal(proxy.accepted, 1);
});

test("with maxReconnectAttempts set, connect() waits for a server that starts later", async () => {
  const server = await startServer();
  await server.kill();
  const once = make({ url: server.url });
  assert.equal(await outcome(once.connect()), "connection_failed");
  const client = make({ url: server.url, maxReconnectAttempts: 1e6, maxReconnectInterval: 50 });
  const connected = client.connect();
  assert.equal(await outcome(once.connect()), "connection_failed");
  await server.start();
  await connected;
  assert.deepEqual(await client.fetchCollections(), []);
});

test("close while silent leaves within the second", async () => {
  const server = await startServer();
  const proxy = track(await Proxy.start(server.port));
  const client = make({ url: proxy.url });
  await client.connect();
  proxy.isSilent = true;
  const inFlight = outcome(client.fetchCollections());
  await client.close();
  assert.equal(await inFlight, "closed");
});

test("a removed key: connection_lost in flight, then unauthorized, and no loop", async () => {
  const server = await startServer();
  const master = make({ url: server.url });
  await master.addApiKey({ key: "a-key-to-remove", scope: "readonly" });
  const client = make({ url: server.url, apiKey: "a-key-to-remove" });
  await client.fetchCollections();
  const ended = reached(client, "idle");
  await master.removeApiKey({ key: "a-key-to-remove" });
  await ended;
  assert.equal(await outcome(client.fetchCollections()), "unauthorized");
  assert.equal(client.state, "idle");
});

test("key rotation: an async provider is asked at every connection", async () => {
  const server = await startServer();
  const master = make({ url: server.url });
  const keys = ["the-first-key", "the-second-key"];
  for (const key of keys) await master.addApiKey({ key, scope: "read_write" });
  let current = 0;
  const asked = [];
  const client = make({
    url: server.url,
    apiKey: async () => {
      await null;
      asked.push(keys[current]);
      return keys[current];
    },
  });
  await client.setValue({ col: "c", key: "k", value: "first" });
  const lost = reached(client, "reconnecting");
  current = 1;
  await master.removeApiKey({ key: keys[0] });
  await lost;
  await client.setValue({ col: "c", key: "k", value: "second" });
  assert.deepEqual(asked, keys);
  await master.removeApiKey({ key: keys[1] });
  const stopped = outcome(client.fetchCollections());
  assert.ok(["unauthorized", "connection_lost"].includes(await stopped));
});

test("time limit and abort with a server that does not answer", async () => {
  const server = await startServer();
  const client = make({ url: server.url });
  await client.connect();
  await server.suspend();
  await assert.rejects(client.fetchCollections(30), {
    code: "request_timeout",
    outcomeUnknown: true,
  });
  await assert.rejects(client.fetchCollections({ signal: AbortSignal.timeout(30) }), {
    name: "TimeoutError",
  });
  const strict = make({ url: server.url, connectTimeout: 40 });
  await assert.rejects(strict.connect(), { code: "connection_failed" });
  server.signal("SIGCONT");
  assert.deepEqual(await client.fetchCollections(), []);
});

const program = (body) => `
  import { FluxionClient } from "fluxion-client";
  const client = new FluxionClient({
    url: process.env.URL, apiKey: "${KEY}", heartbeatInterval: 600_000, batchInserts: true,
  });
  ${body}`;
const endings = {
  "after a request": "await client.fetchCollections(); await client.close();",
  "while connecting": "client.connect().catch(() => {}); await client.close();",
  "with an insert waiting":
    'client.insertSingleRecord({ts:1,doc:"d",data:"x",col:"c"}).catch(() => {}); client.close();',
  "with a failed connection and no close()":
    'await new FluxionClient({ url: "ws://127.0.0.1:1" }).connect().catch(() => {});',
  "with a refused key and no close()":
    'await new FluxionClient({ url: process.env.URL, apiKey: "x" }).connect().catch(() => {});',
};
for (const [name, body] of Object.entries(endings)) {
  test(`a program ends by itself: ${name}`, { timeout: 120_000 }, async () => {
    const server = await startServer();
    const args = ["--input-type=module", "-e", program(body)];
    const child = spawn(process.execPath, args, {
      cwd: new URL("..", import.meta.url),
      env: { ...process.env, URL: server.url },
      stdio: "inherit",
    });
    const [exitCode, signal] = await once(child, "exit");
    assert.deepEqual([exitCode, signal], [0, null]);
  });
}
