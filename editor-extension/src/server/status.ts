/** The status item: state of the server in a word, the rest in its hover and menu. */

import * as vscode from "vscode";
import type { Server, ServerState } from "./server";

/** Shows the item while a program is open. */
export function createStatus(context: vscode.ExtensionContext, server: Server): void {
  const item = vscode.window.createStatusBarItem("nvm-lsp.status", vscode.StatusBarAlignment.Left, 5);
  item.name = "easm language server";
  item.command = "nvm-lsp.showStatus";
  let busy = 0;
  const update = (): void => {
    show(item, server.state, context, busy > 0);
    if (hasProgram()) item.show();
    else item.hide();
  };
  context.subscriptions.push(
    item,
    server.onDidChange(update),
    vscode.window.onDidChangeActiveTextEditor(update),
    vscode.workspace.onDidGrantWorkspaceTrust(update),
    vscode.commands.registerCommand("nvm-lsp.showStatus", () => menu(context, server)),
    running.event((change) => {
      busy += change;
      update();
    }),
  );
  update();
}

const running = new vscode.EventEmitter<number>();

/** A run begins (1) or is over (-1). */
export function noteRun(change: 1 | -1): void {
  running.fire(change);
}

function show(item: vscode.StatusBarItem, state: ServerState, context: vscode.ExtensionContext, busy: boolean): void {
  const restricted = vscode.workspace.isTrusted ? "" : " $(workspace-untrusted)";
  const warning = new vscode.ThemeColor("statusBarItem.warningBackground");
  const error = new vscode.ThemeColor("statusBarItem.errorBackground");
  const [icon, color] = {
    running: [busy ? "$(loading~spin)" : "$(circuit-board)", undefined] as const,
    starting: ["$(loading~spin)", undefined] as const,
    installing: ["$(cloud-download)", undefined] as const,
    missing: ["$(warning)", warning] as const,
    stopped: ["$(error)", error] as const,
  }[state.kind];
  item.text = `${icon} easm${restricted}`;
  item.backgroundColor = color;
  item.tooltip = tooltip(state, context);
  item.accessibilityInformation = { label: `easm language server: ${describe(state)}`, role: "button" };
}

function tooltip(state: ServerState, context: vscode.ExtensionContext): vscode.MarkdownString {
  const lines = [`**easm language server** — ${describe(state)}`];
  if ("found" in state && state.found) {
    lines.push(`server ${state.found.version} · from ${state.found.source}`, `\`${state.found.program}\``);
  }
  lines.push(`extension ${extensionVersion(context)} · editor ${vscode.version}`);
  if (!vscode.workspace.isTrusted) lines.push("$(workspace-untrusted) untrusted workspace: programs are checked, not run");
  const actions = state.kind === "missing"
    ? ["[$(cloud-download) Install](command:nvm-lsp.installServer)"]
    : ["[$(debug-restart) Restart](command:nvm-lsp.restartServer)"];
  actions.push("[$(output) Log](command:nvm-lsp.showLog)", "[$(gear) Settings](command:workbench.action.openSettings?%22nvm-lsp%22)");
  lines.push(actions.join(" · "));
  const text = new vscode.MarkdownString(lines.join("\n\n"), true);
  text.isTrusted = { enabledCommands: ["nvm-lsp.installServer", "nvm-lsp.restartServer", "nvm-lsp.showLog", "workbench.action.openSettings"] };
  return text;
}

function describe(state: ServerState): string {
  switch (state.kind) {
    case "running": return "running";
    case "starting": return "starting";
    case "installing": return "being installed";
    case "missing": return "not installed";
    case "stopped": return `stopped: ${state.reason}`;
  }
}

async function menu(context: vscode.ExtensionContext, server: Server): Promise<void> {
  const { state } = server;
  const found = "found" in state ? state.found : undefined;
  const versions = [`extension ${extensionVersion(context)}`, `editor ${vscode.version}`];
  if (found) versions.unshift(`server ${found.version}`);
  const outdated = await server.isOutdated();
  const rows: (vscode.QuickPickItem & { command?: string; arguments?: unknown[] })[] = [
    { label: `$(debug-restart) Restart`, description: describe(state), command: "nvm-lsp.restartServer" },
    { label: "$(output) Show Log", command: "nvm-lsp.showLog" },
    {
      label: outdated ? "$(cloud-download) Update" : "$(cloud-download) Install into a private environment",
      ...(outdated ? { description: "the extension carries another version than the one installed" } : {}),
      command: "nvm-lsp.installServer",
    },
    { label: "$(gear) Settings", command: "workbench.action.openSettings", arguments: ["nvm-lsp"] },
    { label: "$(book) Get Started", command: "nvm-lsp.openWalkthrough" },
    { label: "$(copy) Copy Versions", description: versions.join(", "), ...(found ? { detail: `${found.program} (${found.source})` } : {}) },
  ];
  const chosen = await vscode.window.showQuickPick(rows, { title: `easm language server: ${describe(state)}` });
  if (!chosen) return;
  if (chosen.command) await vscode.commands.executeCommand(chosen.command, ...(chosen.arguments ?? []));
  else await vscode.env.clipboard.writeText([...versions, ...(found ? [found.program] : [])].join("\n"));
}

function extensionVersion(context: vscode.ExtensionContext): string {
  return (context.extension.packageJSON as { version: string }).version;
}

function hasProgram(): boolean {
  return vscode.window.visibleTextEditors.some((editor) => editor.document.languageId === "easm");
}
