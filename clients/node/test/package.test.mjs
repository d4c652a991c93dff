// The package as npm would install it: packed, unpacked in a folder of its own, and used.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { publint } from "publint";
import { KEY, Server } from "./support/server.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const bin = (name) => join(root, "node_modules", name);
const run = promisify(execFile);
const node = (args, options) => run(process.execPath, args, options);

let server;
let consumer;
let tarball;
before(async () => {
  server = await Server.start();
  consumer = mkdtempSync(join(tmpdir(), "fluxion-consumer-"));
  const pack = ["pack", "--ignore-scripts", "--json", "--pack-destination", consumer];
  const { stdout } = await run("npm", pack, { cwd: root });
  tarball = join(consumer, JSON.parse(stdout)[0].filename);
  mkdirSync(join(consumer, "node_modules"));
  await run("tar", ["-xzf", tarball, "-C", join(consumer, "node_modules")]);
  const installed = join(consumer, "node_modules", "fluxion-client");
  await run("mv", [join(consumer, "node_modules", "package"), installed]);
  symlinkSync(bin("ws"), join(consumer, "node_modules", "ws"));
});
after(async () => {
  rmSync(consumer, { recursive: true, force: true });
  await server.remove();
});

async function runProgram(name, text, args = []) {
  writeFileSync(join(consumer, name), text);
  const env = { ...process.env, URL: server.url, KEY };
  return (await node([...args, join(consumer, name)], { cwd: consumer, env })).stdout;
}

const session = `
  const client = new FluxionDBClient({ url: process.env.URL, apiKey: process.env.KEY });
  client.setValue({ col: "c", key: "k", value: "v" })
    .then(() => client.getValue({ col: "c", key: "k" }))
    .then((value) => console.log(value, FluxionDBClient === FluxionClient))
    .then(() => client.close());`;

test("import", async () => {
  const text = `import { FluxionClient, FluxionDBClient } from "fluxion-client";${session}`;
  assert.equal(await runProgram("program.mjs", text), "v true\n");
});

test("require", async () => {
  const text = `const { FluxionClient, FluxionDBClient } = require("fluxion-client");${session}`;
  assert.equal(await runProgram("program.cjs", text), "v true\n");
});

test("a program of an existing client, import and address changed", async () => {
  const text = `
    import { FluxionDBClient, TimeoutError } from "fluxion-client";
    const client = new FluxionDBClient({ url: process.env.URL, apiKey: process.env.KEY,
      connectionName: "old", maxReconnectAttempts: 5, reconnectInterval: 5000, showLogs: false });
    await client.connect();
    const { id } = await client.insertSingleRecord(
      { ts: 5, doc: "d", data: "x", col: "old" }, 10_000);
    const latest = await client.fetchLatestRecords({ col: "old", ts: 9, doc: "", from: 0 }, 10_000);
    const { status } = await client.addApiKey({ key: "old-program-key", scope: "readonly" });
    const me = (await client.getConnections()).find((connection) => connection.self);
    console.log(typeof id, latest.d.data, status, me.name, typeof TimeoutError);
    client.close();`;
  assert.equal(await runProgram("old.mjs", text), "string x ok old function\n");
});

test("the README's program, on this server", async () => {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const [, program] = /```js\n(import [^]*?)```/.exec(readme);
  const [, output] = /prints\n\n```\n([^]*?)```/.exec(readme);
  assert.ok(program.includes("ws://localhost:8080") && program.includes('"dev"'));
  const text = program.replace("ws://localhost:8080", server.url).replace('"dev"', `"${KEY}"`);
  assert.equal(await runProgram("readme.mjs", text), output);
});

test("browsers get no ws", async () => {
  const seen = new Set();
  const visit = (file) => {
    if (seen.has(file)) return;
    seen.add(file);
    const text = readFileSync(join(root, file), "utf8");
    for (const [, name] of text.matchAll(/(?:\bfrom |\bimport |\brequire\()"([^"\n]+)"/g)) {
      assert.match(name, /^\.\//, `${file} imports ${name}`);
      visit(join(file, "..", name));
    }
  };
  visit("dist/esm/browser.js");
  visit("dist/cjs/browser.js");
  assert.ok(seen.size > 10);
  const resolve = 'console.log(require.resolve("fluxion-client"));';
  const browser = await runProgram("resolve.cjs", resolve, ["--conditions=browser"]);
  assert.match(browser, /dist\/cjs\/browser\.js\n$/);
  assert.match(await runProgram("resolve.cjs", resolve), /dist\/cjs\/index\.js\n$/);
});

const typed = (imports) => `${imports}
  async function main(signal: AbortSignal): Promise<void> {
    const client = new FluxionDBClient({ url: "ws://localhost:8080", apiKey: async () => "k" });
    const exact: FluxionClient<"bigint"> = new FluxionClient({
      url: "ws://localhost:8080", timestamps: "bigint", batchInserts: { maxRecords: 10 },
    });
    const { seq }: { seq: number } = await client.insertSingleRecord(
      { ts: 1n, doc: "d", data: "x", col: "c" }, { timeout: 5, signal });
    const latest = await client.fetchLatestRecords({ col: "c", ts: 1 }, { minSeq: seq });
    const small: number | undefined = latest["d"]?.ts;
    const [first] = await exact.fetchDocument({ col: "c", doc: "d", from: 0, to: 1n }, 500);
    const large: bigint | undefined = first?.ts;
    const { ver }: { ver: number } = await client.setValue({ col: "c", key: "k", value: "v" });
    const names: string[] = await client.getKeys({ col: "c" });
    const scope: Scope | undefined = (await client.listApiKeys())[0]?.scope;
    const error = new FluxionError("closed", "text");
    const options: FluxionClientOptions = { url: "ws://localhost" };
    await using other = new FluxionClient(options);
    const plain = new FluxionClient(options);
    const least: number | undefined = (await plain.fetchDocument(
      { col: "c", doc: "d", to: 1 }))[0]?.ts;
    const large64: FluxionClientOptions<"bigint"> = { ...options, timestamps: "bigint" };
    const most: bigint | undefined = (await new FluxionClient(large64).fetchDocument(
      { col: "c", doc: "d", to: 1 }))[0]?.ts;
    const { value, found, ver: version } = await plain.getEntry({ col: "c", key: "k" });
    const entry: [string, boolean, number] = [value, found, version];
    const { ver: swapped }: { ver: number } = await plain.compareAndSet(
      { col: "c", key: "k", value: "v", expected: version, ttl: 5 });
    await plain.patchValue({ col: "c", key: "k", value: { a: null }, deleteNulls: true }, 5);
    const { vers } = await plain.writeValues({ col: "c", writes: [
      { op: "set", key: "a", value: "v", ver: 0 }, { op: "check", key: "b", ver: 1n }] });
    const after: number | undefined = vers["a"];
    // @ts-expect-error: a check needs a version
    await plain.writeValues({ col: "c", writes: [{ op: "check", key: "b" }] });
    const conflict: FluxionError = new ConflictError("text", {});
    console.log(swapped, after, conflict);
    const watcher = exact.watch({ kind: "docs", col: "c", signal, fields: ["data", "time"] });
    watcher.on("gap", ({ oldest }) => console.log(oldest)).on("event", ({ seq }) => seq);
    for await (const event of watcher) {
      if (event.op === "inserted") console.log((event.ts satisfies bigint), event.data);
      else if (event.op === "deleted") console.log((event.from satisfies bigint | undefined));
    }
    const keys: Watcher<KeyEvent> = plain.watch({ kind: "keys", from: watcher.cursor });
    for await (const event of keys) {
      if (event.op === "set") console.log(event.value satisfies string | undefined);
      else if (event.op !== "dropped") console.log(event.ver satisfies number, event.previous);
    }
    const { versions } = await plain.history({ col: "c", key: "k", before: 5n });
    console.log(versions[0]?.value, new GapError("text", {}, undefined).oldest);
    // @ts-expect-error: documents have no previous value
    plain.watch({ kind: "docs", fields: ["previous"] });
    // @ts-expect-error: there is no such event
    keys.on("sets", () => {});
    const type: string | undefined = error.type;
    console.log(least, most, entry, type);
    // @ts-expect-error: replies with bigints must be asked for
    const wrong: FluxionClientOptions<"bigint"> = { url: "ws://localhost" };
    // @ts-expect-error: the same, without the name of the type
    const unasked: FluxionClient<"bigint"> = new FluxionClient({ url: "ws://localhost" });
    console.log(wrong, unasked);
    // @ts-expect-error: writes wait for no position
    await client.setValue({ col: "c", key: "k", value: "v" }, { minSeq: 1 });
    // @ts-expect-error: col is missing
    await client.getKeys({});
    // @ts-expect-error: data must be a string
    await client.insertSingleRecord({ ts: 1, doc: "d", data: 5, col: "c" });
    console.log(small, large, ver, names, scope, error.code, other.state);
  }
  void main;`;
const names = "ConflictError, FluxionClient, FluxionDBClient, FluxionError, GapError";
const types = "FluxionClientOptions, Scope";
const esm = `import { ${names}, type ${types.replace(", ", ", type ")} } from "fluxion-client";
  import type { FetchRecordsParams, InsertMessageResponse } from "fluxion-client";
  import type { KeyEvent, Watcher } from "fluxion-client";
  export type OfAnExistingClient = [FetchRecordsParams, InsertMessageResponse];`;

for (const [file, module, resolution] of [
  ["consumer.mts", "node16", "node16"],
  ["consumer.cts", "node16", "node16"],
  ["consumer.mts", "nodenext", "nodenext"],
  ["consumer.ts", "es2022", "bundler"],
  ["consumer.ts", "commonjs", "node10"],
]) {
  test(`types: ${file} as ${module}, resolved as ${resolution}`, async () => {
    writeFileSync(join(consumer, file), typed(esm));
    const flags = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--target", "es2022",
      "--lib", "es2022,dom,esnext.disposable", "--skipLibCheck", "false",
      "--skipDefaultLibCheck"];
    const project = ["--module", module, "--moduleResolution", resolution, join(consumer, file)];
    const tsc = bin("typescript/bin/tsc");
    const options = { cwd: consumer };
    const { stdout } = await node([tsc, ...flags, ...project], options).catch((error) => error);
    assert.equal(stdout, "");
  });
}

test("publint finds nothing", async () => {
  const { messages } = await publint({ pkgDir: root, strict: true });
  assert.deepEqual(messages, []);
});

test("attw finds nothing", async () => {
  const attw = bin("@arethetypeswrong/cli/dist/index.js");
  const args = [attw, tarball, "--format", "json", "--no-definitely-typed"];
  const { stdout } = await node(args, { maxBuffer: 1 << 26 });
  const { analysis, problems } = JSON.parse(stdout);
  assert.deepEqual(problems ?? {}, {});
  assert.deepEqual(analysis.problems, []);
});

test("the lock file names no registry", () => {
  const lock = readFileSync(join(root, "package-lock.json"), "utf8");
  assert.doesNotMatch(lock, /"resolved"|registry/);
});
