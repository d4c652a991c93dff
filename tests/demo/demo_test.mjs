// The demo of docs/demo in headless Chromium, against the real server. Ends with
// `N passed, N failed`. Arguments: only tests whose names contain one of them.
// FLUXION_SCREENSHOT=docs/demo/screenshot.png makes the README's picture.
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { FluxionClient } from "../../clients/node/dist/esm/index.js";
import { KEY, Server } from "../../clients/node/test/support/server.mjs";
import { DemoPage, FILE, FOLDER, PATIENT, openBrowser } from "./demo_page.mjs";

const COL = "sensors";
const TYPES = { html: "text/html", js: "text/javascript", css: "text/css" };

let browser;
/** What one test opened, closed after it in the opposite order. */
let opened = [];

const keep = (thing, close) => {
  opened.push(() => close(thing));
  return thing;
};
const startServer = async (isInMemory = false) =>
  keep(await (isInMemory ? Server.startInMemory() : Server.start()), (server) => server.remove());
const openPage = async (options) =>
  keep(await DemoPage.open(browser, options), async (page) => {
    assert.deepEqual(page.errors, []);
    await page.close();
  });
const openClient = (server, options = {}) =>
  keep(new FluxionClient({ url: server.url, apiKey: KEY, reconnectInterval: 20, ...options }),
    (client) => client.close());

async function livePage(server, options) {
  const page = await openPage(options);
  await page.connect(server.url, KEY, COL);
  await page.state("live");
  return page;
}

/** Writes `count` records, each for itself, and returns the texts that the list must show. */
async function write(client, count, name, doc = "other") {
  const texts = [];
  for (let n = 0; n < count; n++) {
    const data = `{"temperature":${20 + n / 10},"id":"${name} ${n}"}`;
    await client.insertSingleRecord({ col: COL, doc, ts: Date.now() * 1000 + n, data });
    texts.push(`${doc}: ${data}`);
  }
  return texts;
}

const shown = (rows, name) => rows.filter(({ text }) => text?.includes(`"${name} `));
const texts = (rows) => rows.map(({ text }) => text);

/** All that this page sent has come back to it, once. */
async function settled(page) {
  const figures = await page.until(({ sent, unseen, unanswered }) =>
    sent > 0 && unseen === 0 && unanswered === 0);
  assert.equal(figures.twice, 0);
  assert.equal(figures.seen + figures.swallowed, figures.sent);
  return figures;
}

const tests = {
  async "values appear in the chart and in the list"() {
    const server = await startServer();
    const page = await livePage(server, { constants: PATIENT });
    assert.deepEqual(await page.rows(), []);
    await page.page.getByLabel("from").fill("2");
    await page.press("Send values");
    await page.until(({ events }) => events >= 20);
    await page.press("Stop sending");
    const { sent, seen, events, losses, gaps, repeats } = await settled(page);
    assert.deepEqual([seen, events, losses, gaps, repeats], [sent, sent, 0, 0, 0]);
    const rows = await page.rows();
    assert.equal(rows.length, events);
    assert.match(rows[0].text, /^device-1: {"temperature":\d+\.?\d*,"by":"\w+","n":1}$/);
    assert.match(rows.at(-1).text, /^device-2: /);
    assert.equal(new Set(texts(rows)).size, events);
    await page.drawn(({ points }) => `${points}` === `${[events / 2, events / 2]}`);
    assert.match(await page.text("legend"), /device-1: \d.*device-2: \d/);
    const label = await page.page.locator("#chart").getAttribute("aria-label");
    assert.match(label, /^Latest values: device-1 \d/);
    const { seq, log } = await openClient(server).insertSingleRecord(
      { col: COL, doc: "last", ts: 1, data: "not a number" }).then(async ({ seq }) =>
      ({ seq, log: (await page.text("position")).split(":")[0] }));
    await page.page.locator("#position", { hasText: `${log}:${seq}` }).waitFor();
    assert.equal((await page.rows()).at(-1).text, "last: not a number");
  },

  async "cut by the button: what was written meanwhile comes, once, in order"() {
    const server = await startServer();
    const client = openClient(server);
    const page = await livePage(server, { constants: PATIENT });
    await page.press("Send values");
    const before = await write(client, 5, "before");
    await page.until(({ events }) => events >= 30);
    const wasAt = await page.text("position");
    await page.press("Cut the connection");
    await page.state("cut");
    const during = await write(client, 40, "during");
    assert.equal(shown(await page.rows(), "during").length, 0);
    await page.press("Reconnect now");
    await page.state("live");
    const after = await write(client, 5, "after");
    await page.until(({ caught }) => caught >= 40);
    await page.page.waitForFunction(() => document.querySelector("#list").textContent
      .includes('"after 4"'));
    await page.press("Stop sending");
    const figures = await settled(page);
    assert.deepEqual([figures.losses, figures.gaps, figures.repeats], [1, 0, 0]);
    assert.equal(figures.events, figures.sent + 50);
    assert.match(await page.text("message"), /^Back after .* \d+ events caught up, no gap/);
    assert.notEqual(await page.text("position"), wasAt);
    const rows = await page.rows();
    for (const [name, wanted] of Object.entries({ before, during, after })) {
      const found = texts(shown(rows, name));
      // Of the first ones the list may have let go.
      assert.deepEqual(found, name === "before" ? wanted.slice(-found.length || 5) : wanted);
    }
    assert.ok(shown(rows, "during").every(({ mark }) => mark === "caught up"));
    assert.ok(shown(rows, "after").every(({ mark }) => mark === ""));
    const notes = rows.filter(({ note }) => note).map(({ note }) => note);
    assert.equal(notes[0], "Connection cut.");
    assert.match(notes[1], /^Back after .*, resumed\.$/);
    // The chart, too, has each of the other client's 50 values once.
    const chart = await page.drawn(({ points }) => points.includes(50));
    assert.equal(chart.bands, 1);
    assert.ok(chart.caughtUp >= 40);
  },

  async "a cut ends by itself"() {
    const server = await startServer(true);
    const page = await livePage(server);
    await page.press("Cut the connection");
    const wanted = await write(openClient(server), 7, "during");
    await page.state("live");
    await page.until(({ events }) => events === 7);
    assert.deepEqual(texts(shown(await page.rows(), "during")), wanted);
  },

  async "kill -9 and a restart while writing: every acknowledged value, once"() {
    const server = await startServer();
    const client = openClient(server);
    const page = await livePage(server);
    await page.press("Send values");
    await page.until(({ events }) => events > 0);
    const acknowledged = [];
    let isOver = false;
    const writer = (async () => {
      for (let ts = 1; !isOver; ts++) {
        const record = { col: COL, doc: "writer", ts, data: `${ts}` };
        // What was under way when the server died may be there or not.
        await client.insertSingleRecord(record).then(() => acknowledged.push(ts), () => {});
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    for (let round = 1; round <= 3; round++) {
      await page.until(({ events }) => events >= 30 * round);
      await server.kill();
      await page.page.locator("#state:not([data-state=live])").waitFor();
      const count = acknowledged.length;
      await server.start();
      while (acknowledged.length < count + 10) await new Promise((done) => setTimeout(done, 20));
      await page.state("live");
    }
    isOver = true;
    await writer;
    await page.press("Stop sending");
    const figures = await settled(page);
    const all = { col: COL, from: 0, to: Number.MAX_SAFE_INTEGER };
    const held = (await client.fetchDocument({ ...all, doc: "writer" })).map(({ ts }) => ts);
    const sent = [];
    for (const doc of ["device-1", "device-2", "device-3"]) {
      sent.push(...await client.fetchDocument({ ...all, doc }));
    }
    assert.ok(acknowledged.every((ts) => held.includes(ts)));
    const { events } = await page.until((now) => now.events >= held.length + sent.length);
    assert.equal(events, held.length + sent.length);
    assert.deepEqual([figures.gaps, figures.swallowed, figures.repeats], [0, 0, 0]);
    assert.ok(figures.losses >= 3);
    const inList = (await page.rows()).filter(({ text }) => text?.startsWith("writer: "))
      .map(({ text }) => Number(text.slice("writer: ".length)));
    assert.ok(inList.length > 0);
    assert.deepEqual(inList, held.slice(-inList.length));
  },

  async "cut, and the server killed and started again before the page is back"() {
    const server = await startServer();
    const client = openClient(server);
    const page = await livePage(server, { constants: PATIENT });
    const before = await write(client, 20, "before");
    await page.until(({ events }) => events === 20);
    await page.press("Cut the connection");
    const during = await write(client, 15, "during");
    await server.kill();
    await server.start();
    const again = await write(client, 15, "again");
    await page.press("Reconnect now");
    await page.state("live");
    const figures = await page.until(({ events }) => events >= 50);
    assert.deepEqual([figures.events, figures.gaps, figures.repeats], [50, 0, 0]);
    assert.ok(figures.caught >= 15);
    const rows = (await page.rows()).filter(({ text }) => text);
    assert.deepEqual(texts(rows), [...before, ...during, ...again]);
  },

  async "a server that forgets: a gap is told, and a snapshot follows"() {
    const server = await startServer(true);
    const client = openClient(server);
    const page = await livePage(server, { constants: PATIENT });
    await page.press("Send values");
    await write(client, 5, "before");
    await page.until(({ events }) => events >= 20);
    const old = await page.text("position");
    await page.press("Cut the connection");
    await server.kill();
    await server.start();
    const [, latest] = await write(client, 2, "again");
    await page.press("Reconnect now");
    await page.state("live");
    await page.press("Stop sending");
    const figures = await settled(page);
    assert.deepEqual([figures.gaps, figures.losses], [1, 1]);
    const [after] = await write(client, 1, "after");
    await page.until(({ events }) => events > figures.events);
    assert.notEqual((await page.text("position")).split(":")[0], old.split(":")[0]);
    const rows = await page.rows();
    const from = rows.findIndex(({ note }) => note?.startsWith("Gap: "));
    const other = rows.slice(from).filter(({ text }) => text?.startsWith("other: "));
    assert.deepEqual(other.map(({ text, mark }) => [text, mark]),
      [[latest, "snapshot"], [after, ""]]);
    assert.match(await page.text("message"), /with a gap/);
  },

  async "a wrong key, nobody there, a key that was removed, one that may only read"() {
    const server = await startServer();
    const page = await openPage();
    await page.connect(server.url, "wrong", COL);
    await page.state("stopped");
    assert.match(await page.text("message"), /^The server is there .*the key is wrong/);
    await page.connect(server.url, KEY, COL);
    await page.state("live");
    assert.equal(await page.text("message"), "");
    const reader = "a-key-that-only-reads \u{1F511}";
    await openClient(server).addApiKey({ key: reader, scope: "readonly" });
    await page.connect(server.url, reader, COL);
    await page.state("live");
    await page.press("Send values");
    await page.page.locator("#send-note", { hasText: "may only read" }).waitFor();
    await page.page.getByRole("button", { name: "Send values" }).waitFor();
    await openClient(server).removeApiKey({ key: reader });
    await page.state("stopped");
    assert.equal(await page.text("message"), "The key was removed on the server.");
    await server.kill();
    await page.connect(server.url, KEY, COL);
    await page.state("waiting");
    assert.match(await page.text("message"), /^No server can be reached at ws:.* Next try in /);
    await server.start();
    await page.state("live");
    assert.ok(page.sockets.every((url) => url === `${server.url}/`), `${page.sockets}`);
    await page.page.getByLabel("Server").fill("no address at all");
    await page.press("Connect");
    const told = await page.page.locator("#url").evaluate((url) => url.validationMessage);
    assert.match(told, /no address/);
  },

  async "markup in data is text"() {
    const server = await startServer();
    const client = openClient(server);
    const page = await livePage(server);
    const markup = "<img src=x onerror=\"alert('data')\"><script>alert('run')</script>&amp;";
    const doc = "<b onclick=alert(1)>d</b><svg onload=alert('doc')>";
    await client.insertMultipleRecords([
      { col: COL, doc: "one", ts: 1, data: markup },
      { col: COL, doc, ts: 1, data: `{"${markup.replaceAll('"', "'")}":5}` },
    ]);
    await client.deleteDocument({ col: COL, doc });
    await page.until(({ events }) => events === 3);
    await page.page.locator("#legend", { hasText: `${doc}: 5` }).waitFor();
    assert.deepEqual(texts(await page.rows()), [
      `one: ${markup}`, `${doc}: {"${markup.replaceAll('"', "'")}":5}`, `${doc}: deleted`]);
    const made = "#list img, #list script, #list b, #list svg, #legend b, #legend svg svg";
    assert.equal(await page.page.locator(made).count(), 0);
    const asked = page.requests.filter((url) => url.endsWith("/x"));
    assert.deepEqual(asked, []);
  },

  async "by address, remembered for the tab, and no key to another server"() {
    const server = await startServer();
    const other = await startServer();
    const asked = new URLSearchParams({ url: server.url, key: KEY, col: "c&d" });
    const page = await openPage({ address: `${FILE}?${asked}` });
    await page.state("live");
    assert.equal(page.page.url(), FILE);
    assert.equal(await page.page.getByLabel("Collection").inputValue(), "c&d");
    await page.page.reload();
    await page.state("live");
    await page.page.goto(`${FILE}?url=${encodeURIComponent(other.url)}`);
    assert.equal(await page.page.getByLabel("Server").inputValue(), other.url);
    assert.equal(await page.page.getByLabel("Key").inputValue(), "");
    assert.equal(await page.text("state-name"), "not connected");
    const anew = await openPage();
    assert.equal(await anew.page.getByLabel("Key").inputValue(), "");
    const outside = page.requests.filter((url) => !/^(file|data):/.test(url));
    assert.deepEqual(outside, []);
    assert.deepEqual(page.sockets, [`${server.url}/`, `${server.url}/`]);
  },

  async "served from another port"() {
    const server = await startServer();
    const pages = createServer(({ url }, response) => {
      const name = url === "/" ? "index.html" : url.slice(1);
      response.setHeader("content-type", TYPES[name.split(".").at(-1)] ?? "text/plain");
      response.end(readFileSync(FOLDER + name));
    });
    keep(pages, () => {
      pages.closeAllConnections();
      pages.close();
    });
    pages.listen(0, "127.0.0.1");
    await once(pages, "listening");
    const address = `http://127.0.0.1:${pages.address().port}/`;
    const page = await livePage(server, { address });
    await write(openClient(server), 3, "served");
    await page.until(({ events }) => events === 3);
    assert.equal((await page.rows()).length, 3);
    assert.ok(page.requests.every((url) => url.startsWith(address) || url.startsWith("data:")));
  },

  async "what there is comes first; the list is bounded, newest first"() {
    const server = await startServer();
    const client = openClient(server);
    await write(client, 2, "old");
    const page = await livePage(server);
    assert.deepEqual((await page.rows()).map(({ mark }) => mark), ["snapshot"]);
    const records = Array.from({ length: 450 }, (_, ts) =>
      ({ col: COL, doc: `many-${ts % 9}`, ts, data: `${ts}` }));
    const { seq } = await client.insertMultipleRecords(records);
    await page.until(({ events }) => events === 450);
    const rows = await page.rows();
    assert.deepEqual(rows.map(({ at }) => at),
      Array.from({ length: 200 }, (_, row) => `${seq}.${row + 250}`));
    await page.page.locator("#legend", { hasText: "only the first 6 devices" }).waitFor();
    await page.drawn(({ points }) => points.length === 5); // the sixth, "other", is of the past
    await client.deleteCollection({ col: COL });
    await page.until(({ events }) => events === 451);
    assert.equal((await page.rows()).at(-1).text, "the collection was deleted");
  },

  async "fits 400 and 1400 pixels, readable in light and dark, everything labelled"() {
    const server = await startServer(true);
    const client = openClient(server);
    const looks = [[400, "light"], [400, "dark"], [1400, "light"], [1400, "dark"]];
    for (const [width, colorScheme] of looks) {
      const page = await livePage(server, { width, colorScheme });
      await write(client, 2, `${"long".repeat(40)}`);
      await page.until(({ events }) => events === 2);
      const found = await page.page.evaluate(inspect);
      assert.ok(found.width <= width, `${found.width} px wide`);
      assert.deepEqual(found.unlabelled, []);
      assert.ok(found.contrasts.length > 15);
      for (const { name, ratio } of found.contrasts) {
        assert.ok(ratio >= 4.5, `${colorScheme}: ${name} has a contrast of ${ratio.toFixed(2)}`);
      }
      await page.page.keyboard.press("Tab");
      const outline = await page.page.evaluate(() =>
        getComputedStyle(document.activeElement).outlineStyle);
      assert.equal(outline, "solid");
    }
  },
};

/** In the page: its width, what has no label, the contrast of texts (WCAG 2.1, 1.4.3). */
function inspect() {
  const colorOf = (text) => text.match(/[\d.]+/g).map(Number);
  const luminance = (text) => {
    const [r, g, b] = colorOf(text).map((part) => {
      const c = part / 255;
      return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const { backgroundColor } = getComputedStyle(element);
    const isClear = colorOf(backgroundColor)[3] === 0;
    return isClear && element.parentElement ? behind(element.parentElement) : backgroundColor;
  };
  const ratio = (one, other) => {
    const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  const texts = "p, h1, h2, label, button, dt, dd, li, a, span, input";
  const shown = [...document.querySelectorAll(texts)]
    .filter((e) => e.getClientRects().length > 0 && (e.textContent.trim() || e.value));
  const contrasts = shown.map((element) => ({
    name: `${element.tagName} ${element.id || element.className}`,
    ratio: ratio(getComputedStyle(element).color, behind(element)),
  }));
  for (const text of document.querySelectorAll("#chart text, #chart path, #legend line")) {
    const style = getComputedStyle(text);
    const color = text.tagName === "text" ? style.fill : style.stroke;
    contrasts.push({ name: text.tagName, ratio: ratio(color, behind(text)) });
  }
  const unlabelled = [...document.querySelectorAll("input")]
    .filter(({ labels }) => labels.length === 0).map(({ id }) => id);
  return { width: document.documentElement.scrollWidth, contrasts, unlabelled };
}

/** The README's: what a cut looks like some seconds after it. */
async function picture(path) {
  const page = await livePage(await startServer());
  await page.press("Send values");
  await page.until(({ events }) => events >= 300);
  await page.press("Cut the connection");
  const { caught } = await page.until((figures) => figures.caught > 50);
  await page.until(({ events }) => events >= 400 + caught);
  await page.page.evaluate(() => document.activeElement.blur());
  await page.page.screenshot({ path, fullPage: true });
}

async function main() {
  const only = process.argv.slice(2);
  let passed = 0;
  let failed = 0;
  browser = await openBrowser();
  const path = process.env.FLUXION_SCREENSHOT;
  if (path) tests["a picture"] = () => picture(path);
  for (const [name, run] of Object.entries(tests)) {
    if (only.length > 0 && !only.some((part) => name.includes(part))) continue;
    const begun = Date.now();
    let fault;
    try {
      await run();
    } catch (error) {
      fault = error;
    }
    for (const close of opened.splice(0).reverse()) {
      await Promise.resolve(close()).catch((error) => (fault ??= error));
    }
    if (fault) failed++;
    else passed++;
    console.log(`${fault ? "FAIL" : "ok"}: ${name}, ${Date.now() - begun} ms`);
    if (fault) console.log(fault.stack ?? fault);
  }
  await browser.close();
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
}

await main();
