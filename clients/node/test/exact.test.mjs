// Integers of 64 bits: the reader by itself, and through the server.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { FluxionClient } from "fluxion-client";
import { encode, parseExact, wireInt } from "../dist/esm/exact_json.js";
import { KEY, Server } from "./support/server.mjs";

const MIN = -(2n ** 63n);
const MAX = 2n ** 63n - 1n;

// text | value
const readings = [
  ["9007199254740993", 9007199254740993n],
  ["9007199254740992", 9007199254740992n],
  ["9007199254740991", 9007199254740991],
  ["-9007199254740991", -9007199254740991],
  ["-9007199254740993", -9007199254740993n],
  ["9223372036854775807", MAX],
  ["-9223372036854775808", MIN],
  ['{"a":[1,9007199254740993,-0.5,1e3],"b":null}',
    { a: [1, 9007199254740993n, -0.5, 1000], b: null }],
  ['"9007199254740993"', "9007199254740993"],
  ['{"9007199254740993":"x"}', { "9007199254740993": "x" }],
  [String.raw`["\"ts\":9007199254740993,\\",9007199254740993]`,
    ['"ts":9007199254740993,\\', 9007199254740993n]],
  [String.raw`["\\\\",9007199254740993,"\\\"9007199254740993"]`,
    ["\\\\", 9007199254740993n, '\\"9007199254740993']],
  [' [ 9007199254740993 , true , false ] \n', [9007199254740993n, true, false]],
  ['{"ts":{"ts":9007199254740993}}', { ts: { ts: 9007199254740993n } }],
  ['["\\u00e9\\ud83d\\ude00",9007199254740993]', ["é😀", 9007199254740993n]],
  ["[[],{},9007199254740993]", [[], {}, 9007199254740993n]],
  ["1.0000000000000000001", 1],
  ["[1e400,9007199254740993]", [Infinity, 9007199254740993n]],
];
for (const [text, value] of readings) {
  test(`reads ${text}`, () => assert.deepEqual(parseExact(text), value));
}

test("an own property, not the prototype, for __proto__", () => {
  const value = parseExact('{"__proto__":{"ts":9007199254740993}}');
  assert.deepEqual(Object.keys(value), ["__proto__"]);
  assert.equal(Object.getPrototypeOf(value), Object.prototype);
});

const faulty = ["", "{", "[1,]", '{"a"}', '"abc', "01", "tru", "[1 2]", "1 2", '{"a":1,}', "{1:2}",
  "-", ".5", "1.", '"\n"', "[", "nul", '"\\"'];
for (const text of faulty) {
  // The digits switch to the exact reader.
  test(`refuses ${JSON.stringify(text)}`, () => {
    assert.throws(() => JSON.parse(text), SyntaxError);
    assert.throws(() => parseExact(`[9007199254740993,${text}]`), SyntaxError);
  });
}

test("agrees with JSON.parse on 2000 random documents", () => {
  let seed = 42;
  const next = (n) => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
  const strings = ['"', "\\", "a", "{", "9007199254740993", "\n", "é", "😀", ":", ","];
  const make = (depth) => {
    const kind = next(depth > 3 ? 5 : 7);
    if (kind === 0) return next(1000) - 500;
    if (kind === 1) return next(1000) / 7;
    if (kind === 2) return [null, true, false][next(3)];
    if (kind <= 4) return Array.from({ length: next(6) }, () => strings[next(10)]).join("");
    if (kind === 5) return Array.from({ length: next(4) }, () => make(depth + 1));
    return Object.fromEntries(
      Array.from({ length: next(4) }, () => [strings[next(10)] + next(9), make(depth + 1)]),
    );
  };
  for (let i = 0; i < 2000; i++) {
    const document = make(0);
    const text = JSON.stringify([document, "1234567890123456"], null, next(3));
    assert.deepEqual(parseExact(text), JSON.parse(text));
  }
});

test("on sending: exact, or refused", () => {
  assert.equal(wireInt(5n, "ts"), 5);
  assert.equal(wireInt(-0, "ts"), -0);
  assert.equal(wireInt(2n ** 53n + 1n, "ts"), "9007199254740993");
  assert.equal(wireInt(MIN, "ts"), "-9223372036854775808");
  for (const value of [2 ** 53, -(2 ** 53), 0.1, NaN, Infinity, MAX + 1n, MIN - 1n, "1", null]) {
    assert.throws(() => wireInt(value, "ts"), { code: "bad_request" });
  }
});

test("lone surrogates are refused, and nothing that looks like one", () => {
  for (const bad of ["\ud800", "x\udc00y", "\udc00\ud800", "\\\ud800", '"\ud800']) {
    assert.throws(() => encode({ bad }), { code: "bad_json" });
    assert.throws(() => encode({ [bad]: 1 }), { code: "bad_json" });
  }
  for (const good of ["\\ud800", "\\\\ud800", "😀", "ud800", "\\\\\\ud800"]) {
    assert.deepEqual(JSON.parse(encode({ good })), { good });
  }
});

let server;
let exact;
let plain;
before(async () => {
  server = await Server.start();
  exact = new FluxionClient({ url: server.url, apiKey: KEY, timestamps: "bigint" });
  plain = new FluxionClient({ url: server.url, apiKey: KEY });
});
after(async () => {
  await Promise.all([exact.close(), plain.close()]);
  await server.remove();
});

const timestamps = [MIN, MIN + 1n, -(2n ** 53n) - 1n, -1n, 0n, 1n, 2n ** 53n - 1n, 2n ** 53n,
  2n ** 53n + 1n, MAX - 1n, MAX];

test("the whole range goes in and comes back exactly, in order", async () => {
  const data = '{"ts":9007199254740993,"text":"\\"ts\\":9007199254740993"}';
  await exact.insertMultipleRecords(timestamps.map((ts) => ({ ts, doc: "d", data, col: "c" })));
  const records = await exact.fetchDocument({ col: "c", doc: "d", from: MIN, to: MAX });
  assert.deepEqual(records, timestamps.map((ts) => ({ ts, data })));
});

for (const ts of timestamps) {
  test(`latest at ${ts}`, async () => {
    const latest = await exact.fetchLatestRecords({ col: "c", ts });
    assert.equal(latest.d.ts, ts);
  });
}

test("deletes hit exactly one", async () => {
  await exact.deleteRecord({ col: "c", doc: "d", ts: 2n ** 53n + 1n });
  await exact.deleteMultipleRecords([{ col: "c", doc: "d", ts: MAX }]);
  await exact.deleteRecordsRange({ col: "c", doc: "d", fromTs: MIN, toTs: MIN });
  const left = await exact.fetchDocument({ col: "c", doc: "d", from: MIN, to: MAX });
  const gone = [2n ** 53n + 1n, MAX, MIN];
  assert.deepEqual(left.map(({ ts }) => ts), timestamps.filter((ts) => !gone.includes(ts)));
});

test("small timestamps are bigint too, everything else stays a number", async () => {
  const { seq } = await exact.insertSingleRecord({ ts: 7, doc: "e", data: "x", col: "c" });
  assert.equal(typeof seq, "number");
  const records = await exact.fetchDocument({ col: "c", doc: "e", from: 0, to: 10, limit: 1n });
  assert.deepEqual(records, [{ ts: 7n, data: "x" }]);
});

test("numbers by default", async () => {
  const records = await plain.fetchDocument({ col: "c", doc: "e", from: 0, to: 10 });
  assert.deepEqual(records, [{ ts: 7, data: "x" }]);
});
