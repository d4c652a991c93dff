// The demo's page in Debian's Chromium, and what can be read off it.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";

// The clients' packages; `make clients` installs them.
const packages = new URL("../../clients/node/package.json", import.meta.url);
const { chromium } = createRequire(packages)("playwright-core");
const executablePath = process.env.CHROMIUM_BIN ?? "/usr/bin/chromium";

export const LIMIT_MS = 120_000;
export const FOLDER = fileURLToPath(new URL("../../docs/demo/", import.meta.url));
export const FILE = pathToFileURL(`${FOLDER}index.html`).href;

/** For tests that must not lose against the page's own times: a cut lasts until it is ended by the
 *  button, and the chart shows all there was. */
export const PATIENT = { CUT_MS: 3_600_000, WINDOW_MS: 3_600_000 };

/** demo.js with other constants. */
function scriptWith(constants) {
  let text = readFileSync(`${FOLDER}demo.js`, "utf8");
  for (const [name, value] of Object.entries(constants)) {
    const before = text;
    text = text.replace(new RegExp(`^const ${name} = .*;$`, "m"), `const ${name} = ${value};`);
    if (text === before) throw new Error(`no constant ${name} in demo.js`);
  }
  return text;
}

/** In the page: the ids of the writes whose reply has not come. */
function countUnanswered() {
  const ids = (globalThis.unanswered = new Set());
  const send = WebSocket.prototype.send;
  WebSocket.prototype.send = function (text) {
    const { id, type } = JSON.parse(text);
    if (type === "ins") {
      ids.add(id);
      this.addEventListener("message", ({ data }) => ids.delete(JSON.parse(data).id));
      this.addEventListener("close", () => ids.delete(id));
    }
    send.call(this, text);
  };
}

export const openBrowser = () =>
  chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
    timeout: LIMIT_MS,
  });

async function reached(read, isDone) {
  const end = Date.now() + LIMIT_MS;
  for (;;) {
    const now = await read();
    if (isDone(now)) return now;
    if (Date.now() > end) throw new Error(`not reached: ${isDone}, but ${JSON.stringify(now)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** One tab. What it asks for and what goes wrong in it is noted. */
export class DemoPage {
  requests = [];
  sockets = [];
  errors = [];

  static async open(browser, { address = FILE, width = 1200, colorScheme = "light",
    constants = {} } = {}) {
    const demo = new DemoPage();
    demo.context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme });
    const page = (demo.page = await demo.context.newPage());
    page.setDefaultTimeout(LIMIT_MS);
    await page.addInitScript(countUnanswered);
    if (Object.keys(constants).length > 0) {
      const script = { contentType: "text/javascript", body: scriptWith(constants) };
      await page.route("**/demo.js", (route) => route.fulfill(script));
    }
    page.on("request", (request) => demo.requests.push(request.url()));
    page.on("websocket", (socket) => demo.sockets.push(socket.url()));
    page.on("pageerror", (error) => demo.errors.push(String(error)));
    page.on("dialog", (dialog) => {
      demo.errors.push(`a dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    await page.goto(address);
    return demo;
  }

  async connect(url, key, col) {
    await this.page.getByLabel("Server").fill(url);
    await this.page.getByLabel("Key").fill(key);
    await this.page.getByLabel("Collection").fill(col);
    await this.press("Connect");
  }

  press(name) {
    return this.page.getByRole("button", { name, exact: true }).click();
  }

  /** Waits until the page shows that state: live, waiting, cut, stopped. */
  state(name) {
    return this.page.locator(`#state[data-state=${name}]`).waitFor();
  }

  text(id) {
    return this.page.locator(`#${id}`).textContent();
  }

  /** All numbers, by the ids of their elements, and how many writes are `unanswered`. */
  figures() {
    return this.page.evaluate(() =>
      Object.fromEntries([...document.querySelectorAll("dd[id]")]
        .map(({ id, textContent }) => [id, Number(textContent)])
        .concat([["unanswered", globalThis.unanswered.size]])));
  }

  /** Waits until `isDone(figures)`, and returns them. */
  until(isDone) {
    return reached(() => this.figures(), isDone);
  }

  /** Waits until `isDone(chart)`, and returns it. */
  drawn(isDone) {
    return reached(() => this.chart(), isDone);
  }

  /** The list as it is shown, oldest first: { note } or { text, mark, at }. */
  async rows() {
    const rows = await this.page.evaluate(() =>
      [...document.querySelectorAll("#list li")].map((row) => {
        if (row.className === "note") return { note: row.textContent };
        const text = row.querySelector(".text").firstChild.textContent;
        const mark = row.querySelector(".mark")?.textContent ?? "";
        return { text, mark, at: row.querySelector(".at").textContent };
      }));
    return rows.reverse();
  }

  /** How many points each line of the chart has, and how many are marked as caught up. */
  async chart() {
    return this.page.evaluate(() => ({
      points: [...document.querySelectorAll("#chart path")]
        .map((path) => path.getAttribute("d").split("L").length),
      caughtUp: document.querySelectorAll("#chart circle[r='3']").length,
      bands: document.querySelectorAll("#chart .band").length,
    }));
  }

  close() {
    return this.context.close();
  }
}
