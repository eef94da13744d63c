/** What the editor calls first: registers everything, starts the server, waits for nothing. */

import * as vscode from "vscode";
import { createDecorations } from "./decorations";
import { Panel } from "./panel";
import { Runs, type RunOptions } from "./runs";
import { createTasks } from "./tasks";
import { createTesting } from "./testing";
import { createTools, reporting } from "./tools";
import { showControlFlow } from "./graph";
import { registerEditorCommands } from "./server/editor-commands";
import { createStatus } from "./server/status";
import { Server } from "./server/server";

export function activate(context: vscode.ExtensionContext): { activationMs: number } {
  const began = (globalThis as { nvmLspBegan?: number }).nvmLspBegan ?? performance.now();
  const log = vscode.window.createOutputChannel("easm language server", { log: true });
  context.subscriptions.push(log);
  const server: Server = new Server(context, log, (command, args, next) => {
    // Lenses name the server's commands; what comes of them is wanted here.
    const [uri, options] = args as [string, RunOptions | undefined];
    switch (command) {
      case "nvm.run": return runs.run(uri, options ?? {});
      case "nvm.compare": return vscode.commands.executeCommand("nvm-lsp.compare", uri);
      case "nvm.test": return reporting(() => runTestsOf(uri, options?.case))();
      default: return next(command, args);
    }
  });
  const runs: Runs = new Runs(context, server);
  const panel = new Panel(context, server, runs);
  createStatus(context, server);
  context.subscriptions.push(registerEditorCommands());
  createDecorations(context, runs);
  createTasks(context, server);
  const runTestsOf = createTesting(context, server);
  registerCommands(context, server, runs, panel, log);
  context.subscriptions.push(server);
  const activationMs = performance.now() - began;
  log.info(`activated in ${activationMs.toFixed(1)} ms`);
  setImmediate(() => void server.start());
  return { activationMs };
}

function registerCommands(
  context: vscode.ExtensionContext, server: Server, runs: Runs, panel: Panel, log: vscode.LogOutputChannel,
): void {
  const add = (name: string, action: (...args: unknown[]) => unknown): void => {
    context.subscriptions.push(vscode.commands.registerCommand(`nvm-lsp.${name}`, action));
  };
  const configured = (): RunOptions => {
    const target = vscode.workspace.getConfiguration("nvm-lsp").get<string>("run.target", "scenario");
    return target === "nvm" || target === "evm" ? { target } : {};
  };
  add("run", (given?: unknown) => withProgram((uri) => runs.run(uri, configured()), given));
  add("runNatively", (given?: unknown) => withProgram((uri) => runs.run(uri, { target: "evm" }), given));
  add("showPanel", () => panel.show(activeProgram()));
  const tools = createTools(context, server);
  for (const name of ["assemble", "copyBytecode", "compare", "exportTrace", "exportFlameGraph"] as const) {
    add(name, reporting(async (given?: unknown) => withProgram((uri) => tools[name](uri), given)));
  }
  for (const name of ["disassemble", "explain", "openSample"] as const) add(name, reporting(() => tools[name]()));
  add("controlFlow", reporting(async (given?: unknown) => withProgram((uri) => showControlFlow(context, tools, uri), given)));
  add("cancelRun", () => runs.cancel());
  add("installServer", () => server.installPrivately());
  add("restartServer", () => server.restart());
  add("showLog", () => log.show());
  add("openWalkthrough", () =>
    vscode.commands.executeCommand("workbench.action.openWalkthrough", `${context.extension.id}#start`, false));
}

/** The program that a command is about: the one given, else the active editor's. */
function withProgram<T>(action: (uri: string) => T, given?: unknown): T | undefined {
  // Menus of editor titles give a URI, the panel a text, the palette nothing.
  const uri = typeof given === "string" ? given : given instanceof vscode.Uri ? given.toString() : activeProgram();
  if (uri !== undefined) return action(uri);
  void vscode.window.showInformationMessage("Open an easm program first.");
  return undefined;
}

function activeProgram(): string | undefined {
  const editors = [vscode.window.activeTextEditor, ...vscode.window.visibleTextEditors];
  return editors.find((editor) => editor?.document.languageId === "easm")?.document.uri.toString();
}
