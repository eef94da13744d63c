// Bundles the extension, its webview and what it carries along into out/. Options: --watch, --tests.
import { cp, mkdir, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import path from "node:path";
import esbuild from "esbuild";

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.dirname(here);
const out = path.join(here, "out");
const watch = process.argv.includes("--watch");

const common = { bundle: true, minify: !watch, sourcemap: watch, logLevel: "warning", absWorkingDir: here };
const bundles = [
  {
    ...common, entryPoints: ["src/extension.ts"], outfile: "out/extension.js",
    platform: "node", format: "cjs", target: "node18", external: ["vscode"],
    // Activation is timed from here, so that what the modules do at their start counts.
    banner: { js: "globalThis.nvmLspBegan = performance.now();" },
  },
  {
    ...common, entryPoints: ["src/webview/panel.ts"], outfile: "out/panel.js",
    platform: "browser", format: "iife", target: "es2022",
  },
  {
    ...common, entryPoints: ["src/webview/graph.ts"], outfile: "out/graph.js",
    platform: "browser", format: "iife", target: "es2022",
  },
  { ...common, entryPoints: ["src/webview/panel.css"], outfile: "out/panel.css" },
  { ...common, entryPoints: ["src/webview/graph.css"], outfile: "out/graph.css" },
];

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
// One source each: the grammar is generated, the samples are the project's examples.
await cp(path.join(root, "grammar", "easm.tmLanguage.json"), path.join(out, "easm.tmLanguage.json"));
for (const file of [
  "three-plus-four.easm", "approve-and-deposit.easm", "lib/erc20.easm",
  "contracts/token.easm", "contracts/vault.easm",
]) {
  await cp(path.join(root, "examples", file), path.join(out, "samples", file));
}
const codicons = path.join(here, "node_modules", "@vscode", "codicons", "dist");
for (const file of ["codicon.css", "codicon.ttf"]) {
  await cp(path.join(codicons, file), path.join(out, file));
}
if (watch) {
  for (const bundle of bundles) await (await esbuild.context(bundle)).watch();
} else {
  await Promise.all(bundles.map((bundle) => esbuild.build(bundle)));
}
