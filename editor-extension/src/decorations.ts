/**
 * The outcome of a run, coloured, at the end of the line where the program ended; grey once the text
 * has changed. The inlay hints (the server's) give values; this gives the verdict and the cost of interpretation.
 */

import * as vscode from "vscode";
import type { Runs } from "./runs";
import type { RunResult } from "./run-result";
import { describeVerdict, succeeded } from "./summary";

export function createDecorations(context: vscode.ExtensionContext, runs: Runs): void {
  const kinds = {
    success: decoration("nvm.result", "charts.green"),
    failure: decoration("nvm.failure", "charts.red"),
    stale: decoration("nvm.stale", "charts.lines"),
  };
  const update = (editor: vscode.TextEditor): void => {
    if (editor.document.languageId !== "easm") return;
    const outcome = runs.get(editor.document.uri.toString());
    const enabled = vscode.workspace.getConfiguration("nvm-lsp").get("editor.outcomes", true);
    const chosen = outcome && (outcome.stale ? "stale" : succeeded(outcome.result) ? "success" : "failure");
    for (const [name, kind] of Object.entries(kinds)) {
      const ranges = outcome && enabled && name === chosen ? [option(editor.document, outcome.result, outcome.stale)] : [];
      editor.setDecorations(kind, ranges);
    }
  };
  const updateAll = (uri?: string): void => {
    for (const editor of vscode.window.visibleTextEditors) {
      if (uri === undefined || editor.document.uri.toString() === uri) update(editor);
    }
  };
  context.subscriptions.push(
    ...Object.values(kinds),
    runs.onDidChange(updateAll),
    vscode.window.onDidChangeVisibleTextEditors(() => updateAll()),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration("nvm-lsp.editor.outcomes")) updateAll();
    }),
  );
}

function decoration(color: string, ruler: string): vscode.TextEditorDecorationType {
  return vscode.window.createTextEditorDecorationType({
    after: { color: new vscode.ThemeColor(color), margin: "0 0 0 2.5em", fontStyle: "normal" },
    overviewRulerColor: new vscode.ThemeColor(ruler),
    overviewRulerLane: vscode.OverviewRulerLane.Right,
    rangeBehavior: vscode.DecorationRangeBehavior.ClosedOpen,
  });
}

function option(document: vscode.TextDocument, result: RunResult, stale: boolean): vscode.DecorationOptions {
  const line = Math.min((result.last?.line ?? 1) - 1, document.lineCount - 1);
  const end = document.lineAt(line).range.end;
  return {
    range: new vscode.Range(end, end),
    renderOptions: { after: { contentText: describeVerdict(result, stale) } },
  };
}
