/** Calling the server's own command line, for what is no request of an editor. */

import { spawn } from "node:child_process";
import * as vscode from "vscode";
import type { Server } from "./server/server";

export interface Output {
  code: number;
  stdout: string;
  stderr: string;
}

/** Whether there is a program to call. */
export function isInstalled({ state }: Server): boolean {
  return "found" in state && state.found !== undefined;
}

/** The program that serves, or that would. */
export function programOf(server: Server): string {
  const { state } = server;
  const found = "found" in state ? state.found : undefined;
  if (found === undefined) throw new Error("The easm language server is not installed; see the status item.");
  return found.program;
}

/** Runs `nvm-lsp`; `line` is given each line of its standard output as it comes. */
export function runCli(
  server: Server,
  args: readonly string[],
  options: { cwd?: string; input?: string; token?: vscode.CancellationToken; line?: (text: string) => void } = {},
): Promise<Output> {
  return new Promise((resolve, reject) => {
    const child = spawn(programOf(server), args, {
      ...(options.cwd ? { cwd: options.cwd } : {}), windowsHide: true,
      env: { ...process.env, PYTHONIOENCODING: "utf-8", NO_COLOR: "1" },
    });
    let stdout = "";
    let stderr = "";
    let rest = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      if (!options.line) return;
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      lines.forEach(options.line);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    const listener = options.token?.onCancellationRequested(() => child.kill());
    child.on("error", reject);
    child.on("close", (code) => {
      listener?.dispose();
      if (options.token?.isCancellationRequested) reject(new vscode.CancellationError());
      else resolve({ code: code ?? -1, stdout, stderr });
    });
    child.stdin.on("error", () => undefined); // it ended without reading
    child.stdin.end(options.input ?? "");
  });
}
