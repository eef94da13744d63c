/** Installing the server into a private environment, from the wheel that the extension carries. */

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";

/** Pythons that the server runs on; the newest first. */
export const MINORS = [13, 12, 11] as const;

export interface Python {
  program: string;
  arguments: string[];
  version: string;
}

export interface Cancellation {
  isCancelled(): boolean;
  onCancel(listener: () => void): void;
}

/** Nothing that could run the server was found; `tried` tells what was. */
export class NoPythonError extends Error {
  constructor(readonly tried: string[]) {
    super("no Python 3.11, 3.12 or 3.13 was found");
  }
}

export class CancelledError extends Error {}

/** The first Python that is new enough. */
export async function findPython(
  setting: string,
  windows: boolean,
  ask: typeof pythonVersion = pythonVersion,
): Promise<Python> {
  const programs: [string, string[]][] = setting
    ? [[setting, []]]
    : [
        ...MINORS.map((minor): [string, string[]] => (windows ? ["py", [`-3.${minor}`]] : [`python3.${minor}`, []])),
        ["python3", []],
        ["python", []],
      ];
  const tried: string[] = [];
  for (const [program, args] of programs) {
    const version = await ask(program, args);
    const name = [program, ...args].join(" ");
    if (version === undefined) continue;
    const [major, minor] = version.split(".").map(Number);
    if (major === 3 && MINORS.some((known) => known === minor)) return { program, arguments: args, version };
    tried.push(`${name} is Python ${version}`);
  }
  throw new NoPythonError(tried);
}

/** The version of a Python, undefined if it cannot be started or lacks venv. */
export async function pythonVersion(program: string, args: string[]): Promise<string | undefined> {
  try {
    const check = "import ensurepip, venv, platform; print(platform.python_version())";
    return (await output(program, [...args, "-c", check])).trim();
  } catch {
    return undefined;
  }
}

/** The wheel that the extension carries. */
export async function bundledWheel(extension: string): Promise<string | undefined> {
  const folder = path.join(extension, "out", "server");
  if (!existsSync(folder)) return undefined;
  const name = (await readdir(folder)).find((file) => file.endsWith(".whl"));
  return name === undefined ? undefined : path.join(folder, name);
}

/**
 * Makes the environment anew. A Python environment holds its own path, so it is made where it
 * stays; if that fails or is cancelled, nothing is left that could be taken for one.
 */
export async function install(
  python: Python,
  wheel: string,
  environment: string,
  report: (message: string) => void,
  log: (line: string) => void,
  cancellation: Cancellation,
): Promise<void> {
  const windows = process.platform === "win32";
  const run = (program: string, args: string[]) => runLogged(program, args, report, log, cancellation);
  try {
    await mkdir(path.dirname(environment), { recursive: true });
    report(`making an environment of Python ${python.version}`);
    await run(python.program, [...python.arguments, "-m", "venv", "--clear", environment]);
    const inside = path.join(environment, windows ? "Scripts/python.exe" : "bin/python");
    report("installing the language server");
    await run(inside, ["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar=off", wheel]);
    await writeFile(path.join(environment, "wheel"), path.basename(wheel));
  } catch (error) {
    await rm(environment, { recursive: true, force: true });
    throw error;
  }
}

function runLogged(
  program: string,
  args: string[],
  report: (message: string) => void,
  log: (line: string) => void,
  cancellation: Cancellation,
): Promise<void> {
  return new Promise((resolve, reject) => {
    if (cancellation.isCancelled()) return reject(new CancelledError("cancelled"));
    log(`$ ${[program, ...args].join(" ")}`);
    const child = spawn(program, args, { windowsHide: true });
    const last: string[] = [];
    const take = (data: Buffer): void => {
      for (const line of data.toString().split(/\r?\n/)) {
        if (!line.trim()) continue;
        log(line);
        last.push(line);
        if (last.length > 8) last.shift();
        const collecting = /^\s*(?:Collecting|Downloading|Installing collected packages:) *(\S+)/.exec(line);
        if (collecting) report(`installing ${collecting[1]}`);
      }
    };
    child.stdout.on("data", take);
    child.stderr.on("data", take);
    cancellation.onCancel(() => child.kill());
    child.on("error", reject);
    child.on("close", (code) => {
      if (cancellation.isCancelled()) reject(new CancelledError("cancelled"));
      else if (code === 0) resolve();
      else reject(new Error(last.filter((line) => /error/i.test(line)).pop() ?? last.pop() ?? `it ended with code ${code}`));
    });
  });
}

function output(program: string, args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { windowsHide: true });
    let text = "";
    child.stdout.on("data", (data: Buffer) => (text += data.toString()));
    child.on("error", reject);
    child.on("close", (code) => (code === 0 ? resolve(text) : reject(new Error(`code ${code}`))));
  });
}
