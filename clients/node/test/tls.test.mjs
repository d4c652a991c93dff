// wss:// with a certificate that Node is told to trust, and with one that it is not.
import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { FluxionClient } from "fluxion-client";
import { KEY, Server } from "./support/server.mjs";

let folder;
let server;
before(async () => {
  folder = mkdtempSync(join(tmpdir(), "fluxion-tls-"));
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const request = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"];
  const names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"];
  const files = ["-keyout", key, "-out", cert];
  execFileSync("openssl", [...request, ...names, ...files], { stdio: "ignore" });
  server = await Server.start("--tls-cert", cert, "--tls-key", key);
});
after(async () => {
  await server.remove();
  rmSync(folder, { recursive: true, force: true });
});

test("a certificate that is trusted", async () => {
  const program = `
    import { FluxionClient } from "fluxion-client";
    const client = new FluxionClient({ url: process.env.URL, apiKey: "${KEY}" });
    await client.setValue({ col: "c", key: "k", value: "over TLS" });
    console.log(await client.getValue({ col: "c", key: "k" }));
    await client.close();`;
  const trust = { NODE_EXTRA_CA_CERTS: join(folder, "cert.pem") };
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", program], {
    cwd: new URL("..", import.meta.url),
    env: { ...process.env, ...trust, URL: server.url.replace("ws:", "wss:") },
  });
  assert.equal(stdout, "over TLS\n");
});

test("a certificate that is not trusted: connection_failed, with the reason", async () => {
  const client = new FluxionClient({ url: server.url.replace("ws:", "wss:"), apiKey: KEY });
  await assert.rejects(client.connect(), { code: "connection_failed", message: /certificate/ });
});

test("no TLS on a TLS port: connection_failed", async () => {
  const client = new FluxionClient({ url: server.url, apiKey: KEY, connectTimeout: 30_000 });
  await assert.rejects(client.connect(), { code: "connection_failed" });
});
