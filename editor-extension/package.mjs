// Makes nvm-lsp-VERSION.vsix: builds, puts the server's wheel in, packs.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import path from "node:path";

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.dirname(here);
const python = process.env.PYTHON ?? "python3";
const run = (program, ...args) => execFileSync(program, args, { cwd: here, stdio: ["ignore", "ignore", "inherit"] });

const { name, version } = JSON.parse(readFileSync(path.join(here, "package.json"), "utf8"));
run("npm", "run", "--silent", "build");
const wheels = path.join(here, "out", "server");
rmSync(wheels, { recursive: true, force: true });
mkdirSync(wheels, { recursive: true });
// What an earlier build left there would end up in this wheel.
rmSync(path.join(root, "build"), { recursive: true, force: true });
run(python, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps", "--wheel-dir", wheels, root);
const file = path.join(here, `${name}-${version}.vsix`);
run(path.join(here, "node_modules", ".bin", "vsce"), "package", "--no-dependencies", "--allow-missing-repository", "--no-rewrite-relative-links", "--out", file);
console.log(`${path.relative(process.cwd(), file)}  ${(statSync(file).size / 1e6).toFixed(2)} MB`);
