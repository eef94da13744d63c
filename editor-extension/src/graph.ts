/** The control-flow graph of a program, in a webview beside it; a click on a block shows its line. */

import * as vscode from "vscode";
import { randomBytes } from "node:crypto";
import path from "node:path";
import type { Tools } from "./tools";

let view: vscode.WebviewPanel | undefined;

export async function showControlFlow(context: vscode.ExtensionContext, tools: Tools, uri: string): Promise<void> {
  const graph = await tools.controlFlow(uri);
  const name = path.posix.basename(vscode.Uri.parse(uri).path);
  const folder = vscode.workspace.getWorkspaceFolder(vscode.Uri.parse(uri))?.uri.fsPath ?? "";
  const resources = vscode.Uri.joinPath(context.extensionUri, "out");
  view?.dispose();
  const panel = vscode.window.createWebviewPanel(
    "nvm-lsp.graph", `Control flow: ${name}`, { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true },
    { enableScripts: true, localResourceRoots: [resources], retainContextWhenHidden: true },
  );
  view = panel;
  panel.onDidDispose(() => {
    if (view === panel) view = undefined;
  });
  panel.webview.onDidReceiveMessage(async (message: { type: "ready" } | { type: "reveal"; line: number; path: string | null }) => {
    if (message.type === "ready") {
      await panel.webview.postMessage(graph);
      return;
    }
    const target = message.path === null ? vscode.Uri.parse(uri) : vscode.Uri.file(path.resolve(folder, message.path));
    const position = new vscode.Position(message.line - 1, 0);
    const shown = vscode.window.visibleTextEditors.find((editor) => editor.document.uri.toString() === target.toString());
    await vscode.window.showTextDocument(target, {
      viewColumn: shown?.viewColumn ?? vscode.ViewColumn.One, preserveFocus: true, selection: new vscode.Range(position, position),
    });
  });
  panel.webview.html = page(panel.webview, resources);
}

function page(webview: vscode.Webview, resources: vscode.Uri): string {
  const nonce = randomBytes(16).toString("base64");
  const resource = (name: string): string => webview.asWebviewUri(vscode.Uri.joinPath(resources, name)).toString();
  return /* html */ `<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src ${webview.cspSource}; script-src 'nonce-${nonce}'">
  <link rel="stylesheet" href="${resource("graph.css")}">
  <title>Control flow</title>
</head>
<body>
  <div id="summary" role="status"></div>
  <div id="graph"></div>
  <script nonce="${nonce}" src="${resource("graph.js")}"></script>
</body>
</html>`;
}
