// Runs every test file in a process of its own; ends with `N passed, N failed`.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL(".", import.meta.url));
const only = process.argv.slice(2);
const files = readdirSync(folder)
  .filter((name) => name.endsWith(".test.mjs"))
  .filter((name) => only.length === 0 || only.some((part) => name.includes(part)));

/** A file that says nothing counts as failed; so does a test that was not run to its end. */
async function runFile(name) {
  const started = Date.now();
  const child = spawn(process.execPath, ["--test-reporter=tap", folder + name], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const counts = {};
  const lines = [];
  for await (const line of createInterface(child.stdout)) {
    lines.push(line);
    const [, what, count] = /^# (pass|fail|cancelled|skipped|todo) (\d+)$/.exec(line) ?? [];
    if (what) counts[what] = Number(count);
  }
  const [exitCode] = await exited;
  const { pass = 0, fail = 0, cancelled = 0, skipped = 0, todo = 0 } = counts;
  let failed = fail + cancelled + skipped + todo;
  if (failed === 0 && (exitCode !== 0 || pass === 0)) failed = 1;
  if (failed > 0) console.log(lines.join("\n"));
  console.log(`${name}: ${pass} passed, ${failed} failed, ${Date.now() - started} ms`);
  return { passed: pass, failed };
}

let passed = 0;
let failed = 0;
for (const name of files) {
  const result = await runFile(name);
  passed += result.passed;
  failed += result.failed;
}
if (passed + failed === 0) failed = 1;
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;
