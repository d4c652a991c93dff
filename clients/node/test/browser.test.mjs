// The built ES modules in Debian's Chromium, against the real server.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { once } from "node:events";
import { join, normalize } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { Proxy } from "./support/proxy.mjs";
import { KEY, Server } from "./support/server.mjs";

const dist = fileURLToPath(new URL("../dist/esm/", import.meta.url));
const executablePath = process.env.CHROMIUM_BIN ?? "/usr/bin/chromium";
const LIMIT_MS = 120_000;

let server;
let pages;
let browser;
let page;
before(async () => {
  server = await Server.start();
  pages = createServer((request, response) => {
    const file = normalize(join(dist, request.url));
    const isScript = request.url.endsWith(".js") && existsSync(file);
    response.writeHead(200, { "content-type": isScript ? "text/javascript" : "text/html" });
    response.end(isScript ? readFileSync(file) : "<!doctype html><title>test</title>");
  });
  pages.listen(0, "127.0.0.1");
  await once(pages, "listening");
  browser = await chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
    timeout: LIMIT_MS,
  });
  page = await browser.newPage();
  page.setDefaultTimeout(LIMIT_MS);
  await page.goto(`http://127.0.0.1:${pages.address().port}/`);
  await page.evaluate(async () => {
    const { FluxionClient, FluxionError } = await import("/browser.js");
    globalThis.FluxionClient = FluxionClient;
    globalThis.code = (promise) =>
      promise.then(() => "done", (error) => (error instanceof FluxionError ? error.code : "other"));
    globalThis.reached = (client, state) =>
      new Promise((resolve) => {
        if (client.state === state) return resolve();
        client.onStateChange((now) => now === state && resolve());
      });
  });
});
after(async () => {
  await browser?.close();
  pages.closeAllConnections();
  pages.close();
  await server.remove();
});

/** Runs `body` in the page with `options`, which name the server and the key. */
const inPage = (body, options = {}) =>
  page.evaluate(body, { url: server.url, apiKey: KEY, reconnectInterval: 20, ...options });

test("connect, insert, query, set, get", async () => {
  const seen = await inPage(async (options) => {
    const client = new FluxionClient({ ...options, connectionName: "a page" });
    await client.connect();
    await client.insertMultipleRecords([
      { ts: 1, doc: "d", data: "ONE €😀", col: "c" },
      { ts: 2n, doc: "e", data: "two", col: "c" },
    ]);
    await client.setValue({ col: "c", key: "k", value: "v" });
    const result = [
      await client.fetchLatestRecords({ col: "c", ts: 5 }),
      await client.fetchDocument({ col: "c", doc: "d", from: 0, to: 5 }),
      await client.getValue({ col: "c", key: "k" }),
      (await client.getConnections()).map(({ name }) => name),
      client.state,
    ];
    await client.close();
    return [...result, client.state];
  });
  assert.deepEqual(seen, [
    { d: { ts: 1, data: "ONE €😀" }, e: { ts: 2, data: "two" } },
    [{ ts: 1, data: "ONE €😀" }],
    "v",
    ["a page"],
    "ready",
    "closed",
  ]);
});

test("integers of 64 bits, exactly", async () => {
  const seen = await inPage(async (options) => {
    const client = new FluxionClient({ ...options, timestamps: "bigint" });
    const range = { from: -(2n ** 63n), to: 2n ** 63n - 1n };
    for (const ts of [range.from, 2n ** 53n + 1n, range.to]) {
      await client.insertSingleRecord({ ts, doc: "exact", data: "x", col: "c" });
    }
    const records = await client.fetchDocument({ col: "c", doc: "exact", ...range });
    await client.close();
    return records.map(({ ts }) => String(ts));
  });
  assert.deepEqual(seen, ["-9223372036854775808", "9007199254740993", "9223372036854775807"]);
});

test("joined inserts", async () => {
  const count = await inPage(async (options) => {
    const client = new FluxionClient({ ...options, batchInserts: true });
    const inserts = Array.from({ length: 500 }, (_, ts) =>
      client.insertSingleRecord({ ts, doc: "many", data: "x", col: "c" }));
    const bad = code(client.insertSingleRecord({ ts: 1, doc: "", data: "x", col: "c" }));
    await Promise.all(inserts);
    const records = await client.fetchDocument({ col: "c", doc: "many", from: 0, to: 999 });
    await client.close();
    return [records.length, await bad];
  });
  assert.deepEqual(count, [500, "bad_request"]);
});

test("the key stays out of the URL, whatever its characters", async () => {
  const heads = [];
  const key = "ключ?&=+/ \u{1F511}";
  await inPage(async ({ newKey, ...options }) => {
    const client = new FluxionClient(options);
    await client.addApiKey({ key: newKey, scope: "readonly" });
    await client.close();
  }, { newKey: key });
  page.on("websocket", (socket) => heads.push(socket.url()));
  const seen = await inPage(async (options) => {
    const client = new FluxionClient(options);
    const names = await client.fetchCollections();
    const refused = await code(client.setValue({ col: "c", key: "k", value: "w" }));
    await client.close();
    return [names, refused];
  }, { apiKey: key });
  assert.deepEqual(seen, [["c"], "forbidden"]);
  assert.deepEqual(heads, [`${server.url}/`]);
});

test("errors: a wrong key, nobody there", async () => {
  const codes = await inPage(async (options) => [
    await code(new FluxionClient({ ...options, apiKey: "wrong" }).connect()),
    await code(new FluxionClient({ ...options, url: "ws://127.0.0.1:1" }).connect()),
    await code(new FluxionClient(options).getValue({ col: "", key: "" })),
  ]);
  const message = await inPage((options) =>
    new FluxionClient({ ...options, apiKey: "wrong" }).connect().catch((error) => error.message));
  assert.equal(message,
    "cannot connect: browsers do not say why (server, address or key)");
  // A browser does not tell a page why an upgrade was refused.
  assert.deepEqual(codes, ["connection_failed", "connection_failed", "bad_request"]);
});

test("kill -9 and a restart: in flight is connection_lost, what waits is done", async () => {
  const proxy = await Proxy.start(server.port);
  const client = { url: proxy.url };
  await inPage(async (options) => {
    globalThis.client = new FluxionClient(options);
    await globalThis.client.setValue({ col: "r", key: "k", value: "before" });
  }, client);
  proxy.isSilent = true;
  await inPage(() => {
    globalThis.inFlight = code(globalThis.client.setValue({ col: "r", key: "x", value: "x" }));
    globalThis.lost = reached(globalThis.client, "reconnecting");
  });
  await server.kill();
  assert.equal(await inPage(() => globalThis.inFlight), "connection_lost");
  await inPage(() => globalThis.lost);
  proxy.isSilent = false;
  await inPage(() => {
    globalThis.waiting = globalThis.client.setValue({ col: "r", key: "y", value: "y" });
  });
  await server.start();
  const values = await inPage(async () => {
    await globalThis.waiting;
    const found = await globalThis.client.getValues({ col: "r" });
    await globalThis.client.close();
    return found;
  });
  assert.deepEqual(values, { k: "before", y: "y" });
  await proxy.close();
});

test("a watcher sees every event across a killed server", async () => {
  await inPage(async (options) => {
    globalThis.client = new FluxionClient(options);
    globalThis.watcher = globalThis.client.watch({ kind: "keys", col: "w" });
    await globalThis.watcher.ready;
  });
  const next = () =>
    inPage(async () => {
      const { value } = await globalThis.watcher.next();
      return [value.op, value.key, value.value];
    });
  const set = (key) =>
    inPage((options) =>
      globalThis.client.setValue({ col: "w", key: options.key, value: "ü" }), { key });
  await set("before");
  assert.deepEqual(await next(), ["set", "before", "ü"]);
  await inPage(() => {
    globalThis.again = new Promise((resolve) => globalThis.watcher.on("reconnected", resolve));
  });
  await server.kill();
  await server.start();
  await set("after");
  assert.deepEqual(await next(), ["set", "after", "ü"]);
  const done = await inPage(async () => {
    await globalThis.again;
    await globalThis.watcher.close();
    const { done } = await globalThis.watcher.next();
    await globalThis.client.close();
    return done;
  });
  assert.equal(done, true);
});

test("silence is a lost connection", async () => {
  const proxy = await Proxy.start(server.port);
  await inPage(async (options) => {
    const times = { heartbeatInterval: 100, heartbeatTimeout: 5000 };
    globalThis.client = new FluxionClient({ ...options, ...times });
    await globalThis.client.connect();
    globalThis.lost = reached(globalThis.client, "reconnecting");
  }, { url: proxy.url });
  proxy.isSilent = true;
  await inPage(() => globalThis.lost);
  proxy.isSilent = false;
  const names = await inPage(async () => {
    const found = await globalThis.client.fetchCollections();
    await globalThis.client.close();
    return found;
  });
  assert.ok(names.includes("r"));
  assert.ok(proxy.accepted >= 2);
  await proxy.close();
});

test("a removed key ends it without a loop", async () => {
  const states = await inPage(async (options) => {
    const master = new FluxionClient(options);
    await master.addApiKey({ key: "the-key-of-a-page", scope: "readonly" });
    const client = new FluxionClient({ ...options, apiKey: "the-key-of-a-page" });
    await client.connect();
    const seen = [];
    client.onStateChange((state) => seen.push(state));
    const ended = reached(client, "idle");
    await master.removeApiKey({ key: "the-key-of-a-page" });
    await ended;
    await master.close();
    return seen;
  });
  assert.deepEqual(states, ["idle"]);
});
