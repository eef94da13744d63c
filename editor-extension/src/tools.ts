/** Commands on programs and bytecode: assemble, copy, disassemble, compare, explain, export, lint. */

import * as vscode from "vscode";
import path from "node:path";
import { runCli, type Output } from "./cli";
import { askForTrust, errorText } from "./runs";
import type { Server } from "./server/server";

const SCHEME = "nvm-lsp";

/** Read-only documents: listings, comparisons, pages. */
class Documents implements vscode.TextDocumentContentProvider {
  private readonly texts = new Map<string, string>();
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.changed.event;

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.texts.get(uri.path) ?? "";
  }

  async show(name: string, text: string): Promise<void> {
    const document = await vscode.workspace.openTextDocument(this.put(name, text));
    await vscode.window.showTextDocument(document, { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true, preview: true });
  }

  /** Shows Markdown laid out, or as text where the editor has no preview. */
  async preview(name: string, text: string): Promise<void> {
    const uri = this.put(name, text);
    try {
      await vscode.commands.executeCommand("markdown.showPreviewToSide", uri);
    } catch {
      await this.show(name, text);
    }
  }

  private put(name: string, text: string): vscode.Uri {
    const uri = vscode.Uri.from({ scheme: SCHEME, path: `/${name}` });
    this.texts.set(uri.path, text);
    this.changed.fire(uri);
    return uri;
  }
}

export interface Tools {
  assemble(uri: string): Promise<void>;
  copyBytecode(uri: string): Promise<void>;
  disassemble(): Promise<void>;
  compare(uri: string): Promise<void>;
  explain(): Promise<void>;
  exportTrace(uri: string): Promise<void>;
  exportFlameGraph(uri: string): Promise<void>;
  controlFlow(uri: string): Promise<ControlFlow>;
  openSample(): Promise<void>;
}

export interface Block {
  start: number;
  end: number;
  name: string;
  line: number | null;
  path: string | null;
  reachable: boolean;
  unresolved: boolean;
  successors: { start: number; kind: string }[];
  heights: number[];
  gas: { least: number; most: number | null; dynamic: string[] };
  instructions?: { pc: number; text: string; line?: number | null }[];
}

export interface ControlFlow {
  complete: boolean;
  gas: { least: number | null; most: number | null; dynamic: string[] };
  blocks: Block[];
}

export function createTools(context: vscode.ExtensionContext, server: Server): Tools {
  const documents = new Documents();
  context.subscriptions.push(vscode.workspace.registerTextDocumentContentProvider(SCHEME, documents));

  /** Calls the command line on a program; what it says of a failure is shown. */
  const onProgram = async (uri: string, before: string[], after: string[] = []): Promise<string | undefined> => {
    const program = await programFile(uri);
    if (program === undefined) return undefined;
    const output = await runCli(server, [...before, program.argument, ...after], {
      cwd: program.folder, ...(program.input === undefined ? {} : { input: program.input }),
    });
    return accepted(output, before[0] === "run" ? [0, 1] : [0]);
  };

  /** The bytecode of a program; one with errors has none. */
  const assembled = async (uri: string): Promise<{ bytecode: string; size: number }> => {
    const found = await server.execute<{ bytecode: string | null; size: number | null; errors: string[] }>("nvm.assemble", [uri]);
    if (found.bytecode === null) throw new Error(`The program has errors: ${found.errors[0] ?? ""}`);
    return { bytecode: found.bytecode, size: found.size ?? 0 };
  };

  return {
    async assemble(uri) {
      const { bytecode, size } = await assembled(uri);
      const client = await server.running();
      const listing = await client.sendRequest<{ text: string }>("nvm/virtualDocument", { uri, kind: "listing" });
      await documents.show(`${nameOf(uri)}.lst`, `# ${nameOf(uri)}: ${size} bytes\n# ${bytecode}\n\n${listing.text}`);
    },

    async copyBytecode(uri) {
      const { bytecode, size } = await assembled(uri);
      await vscode.env.clipboard.writeText(bytecode);
      vscode.window.setStatusBarMessage(`$(copy) ${size} bytes of code copied`, 5_000);
    },

    async disassemble() {
      const editor = vscode.window.activeTextEditor;
      const selected = editor && !editor.selection.isEmpty ? editor.document.getText(editor.selection) : "";
      let code = asBytecode(selected);
      let source = "selection";
      if (code === undefined) {
        code = asBytecode(await vscode.env.clipboard.readText());
        source = "clipboard";
      }
      if (code === undefined) {
        void vscode.window.showInformationMessage("Neither the selection nor the clipboard holds bytecode: hexadecimal digits, an even number of them.");
        return;
      }
      const { text } = await server.execute<{ text: string }>("nvm.disassemble", [code]);
      const document = await vscode.workspace.openTextDocument({ language: "easm", content: `# Disassembled from the ${source}.\n#@ target evm\n\n${text}` });
      await vscode.window.showTextDocument(document, { viewColumn: vscode.ViewColumn.Beside });
    },

    async compare(uri) {
      if (!vscode.workspace.isTrusted) return askForTrust();
      const { markdown } = await vscode.window.withProgress(
        { location: vscode.ProgressLocation.Window, title: "comparing with native" },
        () => server.execute<{ markdown: string }>("nvm.compare", [uri, {}]),
      );
      await documents.preview(`${nameOf(uri)} on the NestedVM and natively.md`, markdown);
    },

    async explain() {
      const word = await wordToExplain();
      if (!word) return;
      const output = await runCli(server, ["explain", word, "--format", "markdown"]);
      if (output.code !== 0) {
        void vscode.window.showInformationMessage(firstLine(output.stderr) || `Nothing is known of ${word}.`);
        return;
      }
      await documents.preview(`${word}.md`, output.stdout);
    },

    exportTrace: (uri) => exportFile(uri, "--trace", "jsonl", "Trace (EIP-3155)"),
    exportFlameGraph: (uri) => exportFile(uri, "--profile", "speedscope.json", "Flame graph (speedscope)"),

    async controlFlow(uri) {
      await assembled(uri);
      const { text } = await server.execute<{ text: string }>("nvm.cfg", [uri, { format: "json" }]);
      return JSON.parse(text) as ControlFlow;
    },

    async openSample() {
      const samples = [
        { label: "Three plus four", detail: "The smallest program that returns something.", file: "three-plus-four.easm" },
        { label: "Approve and deposit", detail: "A wallet's script: approve a vault for tokens and deposit them.", file: "approve-and-deposit.easm" },
      ];
      const chosen = await vscode.window.showQuickPick(samples, { title: "Open a sample program" });
      if (!chosen) return;
      // A copy, which may be changed and is kept; what it includes is copied anew.
      const from = vscode.Uri.joinPath(context.extensionUri, "out", "samples");
      const folder = vscode.Uri.joinPath(context.globalStorageUri, "samples");
      await vscode.workspace.fs.createDirectory(folder);
      for (const name of ["lib", "contracts"]) {
        await vscode.workspace.fs.copy(vscode.Uri.joinPath(from, name), vscode.Uri.joinPath(folder, name), { overwrite: true });
      }
      const target = vscode.Uri.joinPath(folder, chosen.file);
      const known = await vscode.workspace.fs.stat(target).then(() => true, () => false);
      if (!known) await vscode.workspace.fs.copy(vscode.Uri.joinPath(from, chosen.file), target);
      await vscode.window.showTextDocument(target);
    },
  };

  async function exportFile(uri: string, option: string, ending: string, what: string): Promise<void> {
    if (!vscode.workspace.isTrusted) return askForTrust();
    const folder = vscode.workspace.workspaceFolders?.[0]?.uri ?? vscode.Uri.file(process.cwd());
    const target = await vscode.window.showSaveDialog({
      defaultUri: vscode.Uri.joinPath(folder, `${nameOf(uri).replace(/\.easm$/, "")}.${ending}`), title: what,
    });
    if (target === undefined) return;
    const done = await vscode.window.withProgress(
      { location: vscode.ProgressLocation.Window, title: `writing ${path.basename(target.fsPath)}` },
      () => onProgram(uri, ["run", option, target.fsPath]),
    );
    if (done === undefined) return;
    const chosen = await vscode.window.showInformationMessage(`${what} written to ${path.basename(target.fsPath)}.`, "Open");
    if (chosen) await vscode.commands.executeCommand("vscode.open", target);
  }
}

/** Wraps a command, so that what goes wrong is said. */
export function reporting<A extends unknown[]>(action: (...args: A) => Promise<unknown>): (...args: A) => Promise<void> {
  return async (...args) => {
    try {
      await action(...args);
    } catch (error) {
      void vscode.window.showErrorMessage(errorText(error));
    }
  };
}

/** Bytecode in a text: hexadecimal digits with or without 0x, in quotes, over lines. */
export function asBytecode(text: string): string | undefined {
  const digits = text.replace(/^[\s"'`]*(0x|hex)?["']?|[\s"'`;,]+/gi, "");
  return digits.length >= 2 && digits.length % 2 === 0 && /^[0-9a-f]+$/i.test(digits) ? `0x${digits}` : undefined;
}

interface ProgramFile {
  argument: string;
  folder: string;
  input?: string;
}

/** The program as a file on disk, saved first; what was never saved goes over standard input. */
async function programFile(uri: string): Promise<ProgramFile | undefined> {
  const document = await vscode.workspace.openTextDocument(vscode.Uri.parse(uri));
  const folder = vscode.workspace.getWorkspaceFolder(document.uri)?.uri.fsPath ?? path.dirname(document.uri.fsPath);
  if (document.uri.scheme !== "file") return { argument: "-", folder: process.cwd(), input: document.getText() };
  if (document.isDirty && !(await document.save())) return undefined;
  const relative = path.relative(folder, document.uri.fsPath);
  return { argument: relative.startsWith("-") ? document.uri.fsPath : relative, folder };
}

function accepted(output: Output, codes: readonly number[]): string | undefined {
  if (codes.includes(output.code)) return output.stdout;
  const message = output.stderr.trim() || output.stdout.trim() || `nvm-lsp ended with code ${output.code}`;
  void vscode.window.showErrorMessage(firstLine(message));
  return undefined;
}

async function wordToExplain(): Promise<string | undefined> {
  const editor = vscode.window.activeTextEditor;
  const position = editor?.selection.active;
  if (editor && position) {
    const flaw = vscode.languages.getDiagnostics(editor.document.uri).find(({ range }) => range.contains(position));
    const code = flaw?.code;
    const name = typeof code === "object" ? code.value : code;
    if (flaw?.source?.startsWith("nvm") && name !== undefined) return String(name);
    const range = editor.document.getWordRangeAtPosition(position, /[A-Za-z][A-Za-z0-9]*/);
    if (range) return editor.document.getText(range).toUpperCase();
  }
  return vscode.window.showInputBox({ prompt: "An opcode, or the code of a finding", placeHolder: "MSTORE, STK001" });
}

function nameOf(uri: string): string {
  return path.posix.basename(vscode.Uri.parse(uri).path);
}

function firstLine(text: string): string {
  return text.trim().split("\n", 1)[0] ?? "";
}
