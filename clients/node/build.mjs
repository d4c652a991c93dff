// Compiles src/ twice: dist/esm and dist/cjs, each with its own types.
import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

process.chdir(fileURLToPath(new URL(".", import.meta.url)));
rmSync("dist", { recursive: true, force: true });
for (const project of ["tsconfig.json", "tsconfig.cjs.json"]) {
  execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", project], {
    stdio: "inherit",
  });
}
// Without this, the package's "type": "module" would make Node read dist/cjs as ES modules.
writeFileSync("dist/cjs/package.json", '{"type":"commonjs","sideEffects":false}\n');
