/**
 * Finding `nvm-lsp`: the setting, the active Python environment, the private environment, PATH.
 *
 * Nothing of the workspace is executed unless the workspace is trusted.
 */

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";

export interface Found {
  program: string;
  version: string;
  /** Where it was found, in words for the status. */
  source: string;
}

export interface Surroundings {
  setting: string;
  /** The `python` of the active environment, as the Python extension tells it. */
  activePython: string | undefined;
  folders: readonly string[];
  privateEnvironment: string;
  trusted: boolean;
  searchPath: string;
  windows: boolean;
}

export interface Candidate {
  program: string;
  source: string;
}

/** The places to look at, the first one first. Those that do not exist are left out. */
export function candidates(around: Surroundings, exists: (file: string) => boolean = existsSync): Candidate[] {
  const name = around.windows ? "nvm-lsp.exe" : "nvm-lsp";
  const scripts = around.windows ? "Scripts" : "bin";
  const found: Candidate[] = [];
  if (around.setting) return [{ program: expand(around.setting, around.folders), source: "setting nvm-lsp.server.path" }];
  if (around.trusted) {
    if (around.activePython) {
      found.push({ program: path.join(path.dirname(around.activePython), name), source: "active Python environment" });
    }
    for (const folder of around.folders) {
      for (const environment of [".venv", "venv"]) {
        found.push({
          program: path.join(folder, environment, scripts, name),
          source: `environment ${environment} of ${path.basename(folder)}`,
        });
      }
    }
  }
  found.push({ program: path.join(around.privateEnvironment, scripts, name), source: "private environment" });
  for (const folder of around.searchPath.split(path.delimiter)) {
    // A relative folder, or one inside of the workspace, would be the workspace's program.
    if (!path.isAbsolute(folder)) continue;
    if (!around.trusted && around.folders.some((root) => isInside(folder, root))) continue;
    found.push({ program: path.join(folder, name), source: "PATH" });
  }
  return found.filter((candidate) => exists(candidate.program));
}

/** The first candidate that answers, and what was wrong with the ones before it. */
export async function locate(
  around: Surroundings,
  ask: (program: string) => Promise<string> = askVersion,
): Promise<{ found: Found | undefined; problems: string[] }> {
  const problems: string[] = [];
  for (const { program, source } of candidates(around, around.setting ? () => true : existsSync)) {
    try {
      return { found: { program, source, version: await ask(program) }, problems };
    } catch (error) {
      problems.push(`${program} (${source}): ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return { found: undefined, problems };
}

/** What `nvm-lsp --version` says, without the name. */
export function askVersion(program: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, ["--version"], { timeout: 20_000, windowsHide: true }, (error, stdout) => {
      const version = /(\d+\.\d+\S*)/.exec(stdout)?.[1];
      if (error) reject(new Error(firstLine(error.message)));
      else if (!version) reject(new Error(`its answer to --version is ${JSON.stringify(stdout.slice(0, 80))}`));
      else resolve(version);
    });
  });
}

function isInside(file: string, folder: string): boolean {
  const relative = path.relative(folder, file);
  return relative === "" || (!relative.startsWith("..") && !path.isAbsolute(relative));
}

function expand(setting: string, folders: readonly string[]): string {
  const home = process.env["HOME"] ?? process.env["USERPROFILE"] ?? "~";
  return setting
    .replace(/^~(?=$|[\\/])/, home)
    .replace(/\$\{workspaceFolder\}/g, folders[0] ?? "")
    .replace(/\$\{env:([^}]+)\}/g, (_, name: string) => process.env[name] ?? "");
}

function firstLine(text: string): string {
  return text.split("\n", 1)[0] ?? text;
}
