// Versions, conditions, merges and expiry of keys, against the real server.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ConflictError, FluxionClient, FluxionError } from "fluxion-client";
import { KEY, Server } from "./support/server.mjs";

let server;
let client;
before(async () => {
  server = await Server.start();
  client = new FluxionClient({ url: server.url, apiKey: KEY });
});
after(async () => {
  await client.close();
  await server.remove();
});

const rejection = (promise) =>
  promise.then(() => assert.fail("it did not reject"), (error) => error);

async function conflict(promise, fields) {
  const error = await rejection(promise);
  assert.ok(error instanceof ConflictError && error instanceof FluxionError, String(error));
  const { name, code, version, found, value, key } = error;
  assert.deepEqual({ name, code, version, found, value, key },
    { name: "ConflictError", code: "conflict", key: undefined, ...fields });
  return error;
}

test("setValue with ver: what it takes, what it refuses", async () => {
  const at = { col: "set", key: "k" };
  assert.equal((await client.setValue({ ...at, value: "a", ver: 0 })).ver, 1);
  await conflict(client.setValue({ ...at, value: "b", ver: 0 }),
    { version: 1, found: true, value: "a" });
  assert.equal((await client.setValue({ ...at, value: "b", ver: 1n })).ver, 2);
  const error = await conflict(client.setValue({ ...at, value: "c", ver: 1 }),
    { version: 2, found: true, value: "b" });
  assert.equal(error.type, "sval");
  assert.equal((await client.setValue({ ...at, value: "d" })).ver, 3);
  assert.equal(await client.getValue(at), "d");
});

test("deleteValue with ver, and a version that goes on", async () => {
  const at = { col: "delete", key: "k" };
  await client.setValue({ ...at, value: "a" });
  await conflict(client.deleteValue({ ...at, ver: 7 }), { version: 1, found: true, value: "a" });
  await client.deleteValue({ ...at, ver: 1 });
  assert.equal((await client.getEntry(at)).found, false);
  assert.equal((await client.setValue({ ...at, value: "b", ver: 0 })).ver, 3);
});

test("compareAndSet: many at once, one of each round wins", async () => {
  const at = { col: "cas", key: "counter" };
  await client.compareAndSet({ ...at, value: "0", expected: 0 });
  const add = async () => {
    let conflicts = 0;
    for (;;) {
      const { value, ver } = await client.getEntry(at);
      try {
        await client.compareAndSet({ ...at, value: String(Number(value) + 1), expected: ver });
        return conflicts;
      } catch (error) {
        if (!(error instanceof ConflictError)) throw error;
        assert.ok(error.version > ver);
        conflicts++;
      }
    }
  };
  const conflicts = await Promise.all(Array.from({ length: 10 }, add));
  assert.equal(await client.getValue(at), "10");
  assert.ok(conflicts.some((count) => count > 0));
});

test("compareAndSet without a version, or with none that is an integer, is refused", async () => {
  for (const expected of [undefined, null, 1.5, "1"]) {
    const call = client.compareAndSet({ col: "c", key: "k", value: "v", expected });
    assert.equal((await rejection(call)).code, "bad_request", String(expected));
  }
  assert.equal((await client.getEntry({ col: "c", key: "k" })).found, false);
});

// stored | patch | more | what is stored then
const patches = [
  [undefined, { a: 1 }, {}, '{"a":1}'],
  ['{"a":1,"b":{"c":2}}', { b: { d: 3 } }, {}, '{"a":1,"b":{"c":2,"d":3}}'],
  ['{"a":1,"b":2}', '{"b":18446744073709551616}', {}, '{"a":1,"b":18446744073709551616}'],
  ['{"a":1,"b":2}', { a: null }, {}, '{"a":null,"b":2}'],
  ['{"a":1,"b":2}', { a: null }, { deleteNulls: true }, '{"b":2}'],
  ['{"a":1}', { a: null }, { deleteNulls: false }, '{"a":null}'],
  ['{"a":1}', [1, 2], {}, "[1,2]"],
  ['{"a":"x"}', { a: "ü\"\\😀" }, {}, '{"a":"ü\\"\\\\😀"}'],
];
patches.forEach(([stored, value, more, wanted], i) => {
  test(`patchValue ${i + 1}`, async () => {
    const at = { col: "patch", key: `k${i}` };
    if (stored !== undefined) await client.setValue({ ...at, value: stored });
    const { ver } = await client.patchValue({ ...at, value, ...more });
    const entry = await client.getEntry(at);
    assert.deepEqual(entry, { value: entry.value, found: true, ver });
    assert.deepEqual(entry.value, wanted);
  });
});

test("patchValue: ver, and what is not JSON", async () => {
  const at = { col: "patch", key: "text" };
  await client.setValue({ ...at, value: "no JSON" });
  await conflict(client.patchValue({ ...at, value: {}, ver: 9 }),
    { version: 1, found: true, value: "no JSON" });
  assert.equal((await rejection(client.patchValue({ ...at, value: {} }))).code, "bad_request");
  assert.equal((await rejection(client.patchValue({ ...at, value: "{" }))).code, "bad_request");
  const half = client.patchValue({ ...at, value: { a: "\ud800" } });
  assert.equal((await rejection(half)).code, "bad_json");
  assert.equal(await client.getValue(at), "no JSON");
});

test("ttl: expires is told, the key goes, and a set without ttl ends it", async () => {
  const at = { col: "ttl", key: "k" };
  const before = Date.now();
  await client.setValue({ ...at, value: "{}", ttl: 3_600_000 });
  const { expires } = await client.getEntry(at);
  assert.ok(expires >= before + 3_600_000 && expires <= Date.now() + 3_600_000);
  await client.patchValue({ ...at, value: { a: 1 } });
  assert.equal((await client.getEntry(at)).expires, expires);
  await client.patchValue({ ...at, value: { a: 1 }, ttl: 0 });
  assert.equal("expires" in (await client.getEntry(at)), false);
  await client.setValue({ ...at, value: "{}", ttl: 3_600_000n });
  await client.setValue({ ...at, value: "{}" });
  assert.equal("expires" in (await client.getEntry(at)), false);
  await client.setValue({ ...at, value: "gone", ttl: 1 });
  while ((await client.getEntry(at)).found);
  assert.equal(await client.getValue(at), "");
});

test("history: newest first, in pages, across a removal", async () => {
  const at = { col: "history", key: "k" };
  for (const value of ["a", "b", "c"]) await client.setValue({ ...at, value });
  const { seq } = await client.deleteValue(at);
  await client.setValue({ ...at, value: "e", ttl: 3_600_000 });
  const { versions, more } = await client.history(at);
  assert.deepEqual(versions.map(({ ver, op, value }) => [ver, op, value]),
    [[5, "set", "e"], [4, "removed", undefined], [3, "set", "c"], [2, "set", "b"],
      [1, "set", "a"]]);
  assert.equal(more, false);
  assert.equal(versions[1].seq, seq);
  assert.equal(versions[0].expires, (await client.getEntry(at)).expires);
  assert.ok(versions.every(({ time }) => Math.abs(Date.now() - time) < 600_000));
  const page = await client.history({ ...at, limit: 2, before: 4n });
  assert.deepEqual([page.versions.map(({ ver }) => ver), page.more], [[3, 2], true]);
  assert.deepEqual(await client.history({ ...at, key: "none" }), { versions: [], more: false });
  assert.equal((await rejection(client.history({ ...at, limit: 0.5 }))).code, "bad_request");
});

test("writeValues: all, or none and the key that did not fit", async () => {
  const col = "many";
  const { vers } = await client.writeValues({
    col,
    writes: [
      { op: "set", key: "a", value: "", ver: 0 },
      { op: "patch", key: "b", value: { x: 1 } },
      { op: "set", key: "c", value: "c", ttl: 3_600_000n },
    ],
  });
  assert.deepEqual(vers, { a: 1, b: 1, c: 1 });
  assert.deepEqual(await client.getValues({ col }), { a: "", b: '{"x":1}', c: "c" });
  const refused = client.writeValues({
    col,
    writes: [
      { op: "remove", key: "c" },
      { op: "set", key: "a", value: "A" },
      { op: "check", key: "b", ver: 4 },
    ],
  });
  const error = await conflict(refused, { version: 1, found: true, value: '{"x":1}', key: "b" });
  assert.equal(error.type, "mval");
  assert.deepEqual(await client.getValues({ col }), { a: "", b: '{"x":1}', c: "c" });
  await client.writeValues({
    col,
    writes: [
      { op: "remove", key: "c", ver: 1 },
      { op: "patch", key: "b", value: '{"x":null}', deleteNulls: true },
      { op: "check", key: "a", ver: 1n },
    ],
  });
  assert.deepEqual(await client.getValues({ col }), { a: "", b: "{}" });
});
