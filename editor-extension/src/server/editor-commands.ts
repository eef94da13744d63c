/** What the editor itself does at the server's word: names what was extracted, shows references. */

import * as vscode from "vscode";
import type { StaticFeature } from "vscode-languageclient/node";

interface Place { line: number; character: number }

const COMMANDS: Record<string, (uri: string, place: Place) => Promise<unknown>> = {
  "nvm-lsp.rename": async (uri, place) => {
    const editor = await vscode.window.showTextDocument(vscode.Uri.parse(uri));
    const position = new vscode.Position(place.line, place.character);
    editor.selection = new vscode.Selection(position, position);
    await vscode.commands.executeCommand("editor.action.rename");
  },
  "nvm-lsp.showReferences": async (uri, place) => {
    const document = vscode.Uri.parse(uri);
    const position = new vscode.Position(place.line, place.character);
    const found = await vscode.commands.executeCommand("vscode.executeReferenceProvider", document, position);
    await vscode.commands.executeCommand("editor.action.showReferences", document, position, found);
  },
};

export function registerEditorCommands(): vscode.Disposable {
  return vscode.Disposable.from(
    ...Object.entries(COMMANDS).map(([name, action]) => vscode.commands.registerCommand(name, action)),
  );
}

/** Tells the server that it may name these commands. */
export const editorCommands: StaticFeature = {
  fillClientCapabilities: (capabilities) => {
    capabilities.experimental = { ...(capabilities.experimental as object | undefined), commands: Object.keys(COMMANDS) };
  },
  initialize: () => undefined,
  getState: () => ({ kind: "static" }),
  clear: () => undefined,
};
