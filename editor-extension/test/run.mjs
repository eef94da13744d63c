// node test/run.mjs unit|editor|bench [NAME…]: bundles those tests and runs them, one file after another.
import { readdirSync, rmSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import path from "node:path";
import esbuild from "esbuild";

const [kind, ...names] = process.argv.slice(2);
const here = path.dirname(fileURLToPath(import.meta.url));
const folder = path.join(here, kind);
const out = path.join(here, "..", "out-test", kind);
const tests = readdirSync(folder)
  .filter((file) => file.endsWith(".test.ts") && (names.length === 0 || names.some((name) => file.startsWith(name))))
  .sort();
rmSync(out, { recursive: true, force: true });
await esbuild.build({
  entryPoints: tests.map((file) => path.join(folder, file)), outdir: out, outExtension: { ".js": ".mjs" },
  bundle: true, platform: "node", format: "esm", target: "node18", sourcemap: "inline", logLevel: "warning",
  external: ["playwright-core"],
});
const environment = { ...process.env };
if (kind === "editor" || kind === "bench") {
  const { prepareEditor, prepareWheels } = await import("./editor/prepare.mjs");
  environment.NVM_EDITOR_SERVER = prepareEditor();
  environment.NVM_PYTHON = process.env.PYTHON ?? "python3";
  environment.NVM_WHEELS = prepareWheels(environment.NVM_PYTHON);
}
const files = tests.map((file) => path.join(out, file.replace(/\.ts$/, ".mjs")));
// One after another: each drives an editor, which is enough for two cores. A browser on a busy machine
// may miss its moment: in CI a file that failed has a second try, and says so.
const test = (paths) => spawnSync(
  process.execPath,
  ["--enable-source-maps", "--test", "--test-concurrency=1", "--test-reporter=spec", ...(process.env.NVM_TESTS ? [`--test-name-pattern=${process.env.NVM_TESTS}`] : []), ...paths],
  { stdio: "inherit", env: environment },
).status ?? 1;
if (kind !== "editor") process.exit(test(files));
let failed = 0;
for (const file of files) {
  let status = test([file]);
  if (status !== 0 && process.env.CI) {
    console.log(`SECOND TRY of ${path.basename(file)}`);
    status = test([file]);
  }
  failed ||= status;
}
process.exit(failed);
