// Builds the editor that the tests drive, once a lock file, into a folder that git ignores.
// Prints the path of its server. Needs node's headers, a C++ compiler, make, python3 and ripgrep.
import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import {
  copyFileSync, existsSync, mkdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync,
} from "node:fs";
import { fileURLToPath } from "node:url";
import path from "node:path";

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.join(here, "..", "..", "..");
// What VS Code's server loads at its start; the rest is for sign-in and the like.
const NATIVE = ["@vscode/spdlog", "node-pty", "native-watchdog"];

/** The script that starts VS Code's server. */
export function prepareEditor() {
  const lock = readFileSync(path.join(here, "host", "package-lock.json"));
  const key = createHash("sha256").update(lock).update(process.version).digest("hex").slice(0, 16);
  const folder = path.join(root, ".cache", `editor-${key}`);
  const vscode = path.join(folder, "node_modules", "code-server", "lib", "vscode");
  const server = path.join(vscode, "out", "server-main.js");
  const done = path.join(folder, "done");
  if (existsSync(done)) return server;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const file of ["package.json", "package-lock.json", ".npmrc"]) {
    copyFileSync(path.join(here, "host", file), path.join(folder, file));
  }
  console.error("installing the editor for the tests; this is done once");
  run(folder, "npm", "ci", "--ignore-scripts");
  // Its own lock lacks a package, so that npm ci refuses it.
  run(vscode, "npm", "install", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund");
  const nodeGyp = path.join(folder, "node_modules", "node-gyp", "bin", "node-gyp.js");
  for (const name of NATIVE) {
    run(path.join(vscode, "node_modules", name), process.execPath, nodeGyp, "rebuild", `--nodedir=${headers()}`);
  }
  // The package downloads its program from a place that need not be within reach.
  mkdirSync(path.join(vscode, "node_modules", "@vscode", "ripgrep", "bin"), { recursive: true });
  symlinkSync(ripgrep(), path.join(vscode, "node_modules", "@vscode", "ripgrep", "bin", "rg"));
  writeFileSync(done, "");
  return server;
}

/** A folder of wheels: the server's and all that it needs, so that it can be installed offline. */
export function prepareWheels(python) {
  const version = execFileSync(python, ["-c", "import sys; print(sys.version)"], { encoding: "utf8" });
  const parts = ["requirements.lock", "pyproject.toml"].map((file) => readFileSync(path.join(root, file)));
  const key = createHash("sha256").update(Buffer.concat(parts)).update(version).digest("hex").slice(0, 16);
  const folder = path.join(root, ".cache", `wheels-${key}`);
  if (existsSync(path.join(folder, "done"))) return folder;
  rmSync(folder, { recursive: true, force: true });
  run(root, python, "-m", "pip", "wheel", "--quiet", "-c", "requirements.lock", "--wheel-dir", folder, root);
  writeFileSync(path.join(folder, "done"), "");
  return folder;
}

/** The folder whose include/node holds the headers of this very node. */
function headers() {
  const prefix = path.dirname(path.dirname(realpathSync(process.execPath)));
  if (!existsSync(path.join(prefix, "include", "node", "node.h"))) {
    throw new Error(`node's headers are missing: there is no ${prefix}/include/node (Debian: apt-get install libnode-dev)`);
  }
  return prefix;
}

function ripgrep() {
  for (const folder of (process.env.PATH ?? "").split(path.delimiter)) {
    const program = path.join(folder, "rg");
    if (existsSync(program)) return realpathSync(program);
  }
  throw new Error("ripgrep is missing (Debian: apt-get install ripgrep)");
}

function run(cwd, program, ...args) {
  try {
    execFileSync(program, args, { cwd, stdio: ["ignore", "pipe", "pipe"], maxBuffer: 2 ** 28, env: { ...process.env, npm_config_loglevel: "error" } });
  } catch (error) {
    throw new Error(`${program} ${args.join(" ")} (in ${cwd})\n${error.stdout ?? ""}\n${error.stderr ?? error}`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(prepareEditor());
