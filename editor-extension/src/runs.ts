/** Running programs: one run a program at a time, its result kept until the program is closed. */

import * as vscode from "vscode";
import type { RunResult } from "./run-result";
import type { Server } from "./server/server";
import { noteRun } from "./server/status";
import { describeGas, describeOutcome } from "./summary";

export interface RunOptions {
  target?: "nvm" | "evm";
  case?: string;
}

export interface Outcome {
  uri: string;
  result: RunResult;
  options: RunOptions;
  /** Version of the document that was run. */
  version: number;
  stale: boolean;
}

/** Who asked for a run: a person, by lens, key or command, or the saving of a program. */
type Asked = "person" | "save";

export class Runs {
  private readonly outcomes = new Map<string, Outcome>();
  private readonly running = new Map<string, vscode.CancellationTokenSource>();
  private readonly changed = new vscode.EventEmitter<string>();
  private readonly asked = new vscode.EventEmitter<Outcome>();
  private readonly runningChanged = new vscode.EventEmitter<void>();
  /** A result came, turned stale or went; the URI of its program. */
  readonly onDidChange = this.changed.event;
  /** A run that a person asked for is over. */
  readonly onDidRun = this.asked.event;
  readonly onDidChangeRunning = this.runningChanged.event;

  constructor(context: vscode.ExtensionContext, private readonly server: Server) {
    context.subscriptions.push(
      this.changed,
      this.asked,
      this.runningChanged,
      vscode.workspace.onDidChangeTextDocument(({ document, contentChanges }) => {
        if (contentChanges.length) this.markStale(document);
      }),
      vscode.workspace.onDidCloseTextDocument((document) => this.forget(document.uri.toString())),
      vscode.workspace.onDidSaveTextDocument((document) => {
        if (document.languageId !== "easm" || !vscode.workspace.isTrusted) return;
        if (vscode.workspace.getConfiguration("nvm-lsp", document).get("run.onSave", false)) {
          void this.run(document.uri.toString(), {}, "save");
        }
      }),
    );
  }

  get(uri: string): Outcome | undefined {
    return this.outcomes.get(uri);
  }

  isRunning(uri: string): boolean {
    return this.running.has(uri);
  }

  /** Runs a program; what goes wrong is shown, not thrown. */
  async run(uri: string, options: RunOptions, asked: Asked = "person"): Promise<Outcome | undefined> {
    if (!vscode.workspace.isTrusted) {
      if (asked === "person") await askForTrust();
      return undefined;
    }
    this.cancel(uri);
    const source = new vscode.CancellationTokenSource();
    this.running.set(uri, source);
    void vscode.commands.executeCommand("setContext", "nvm-lsp.running", true);
    noteRun(1);
    this.runningChanged.fire();
    const document = openDocument(uri);
    const version = document?.version ?? 0;
    try {
      const result = await withSlowProgress(document, source, () =>
        this.server.execute<RunResult>("nvm.run", [uri, options], source.token),
      );
      const outcome = { uri, result, options, version, stale: openDocument(uri)?.version !== version };
      this.outcomes.set(uri, outcome);
      void vscode.commands.executeCommand("setContext", "nvm-lsp.hasResult", true);
      this.changed.fire(uri);
      if (asked === "person") {
        this.asked.fire(outcome);
        vscode.window.setStatusBarMessage(`$(circuit-board) ${describeOutcome(result)} · ${describeGas(result)}`, 8_000);
      }
      return outcome;
    } catch (error) {
      if (source.token.isCancellationRequested) {
        vscode.window.setStatusBarMessage("$(debug-stop) Run cancelled", 5_000);
      } else if (asked === "person") {
        void vscode.window.showErrorMessage(errorText(error));
      } else {
        vscode.window.setStatusBarMessage(`$(error) Not run: ${errorText(error)}`, 8_000);
      }
      return undefined;
    } finally {
      noteRun(-1);
      if (this.running.get(uri) === source) this.running.delete(uri);
      void vscode.commands.executeCommand("setContext", "nvm-lsp.running", this.running.size > 0);
      this.runningChanged.fire();
      source.dispose();
    }
  }

  /** Cancels the run of a program, or all runs. */
  cancel(uri?: string): void {
    for (const [owner, source] of this.running) if (uri === undefined || uri === owner) source.cancel();
  }

  private markStale(document: vscode.TextDocument): void {
    const uri = document.uri.toString();
    const isLibrary = document.languageId === "easm" && !this.outcomes.has(uri);
    for (const outcome of this.outcomes.values()) {
      // A program may include any other one that is open.
      const stale = outcome.uri === uri ? document.version !== outcome.version : isLibrary || outcome.stale;
      if (stale === outcome.stale) continue;
      outcome.stale = stale;
      this.changed.fire(outcome.uri);
    }
  }

  private forget(uri: string): void {
    this.cancel(uri);
    if (this.outcomes.delete(uri)) this.changed.fire(uri);
  }
}

/** Says why nothing is run, and the way out. */
export async function askForTrust(): Promise<void> {
  const chosen = await vscode.window.showWarningMessage(
    "This workspace is not trusted, so its programs are checked but not run.", "Manage Workspace Trust",
  );
  if (chosen) await vscode.commands.executeCommand("workbench.trust.manage");
}

/** A progress notification with a cancel button, for what takes longer than a moment. */
async function withSlowProgress<T>(
  document: vscode.TextDocument | undefined,
  source: vscode.CancellationTokenSource,
  work: () => Promise<T>,
): Promise<T> {
  const done = work();
  const title = `Running ${document ? vscode.workspace.asRelativePath(document.uri) : "program"}`;
  const timer = setTimeout(() => {
    void vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, title, cancellable: true },
      (_, token) => {
        token.onCancellationRequested(() => source.cancel());
        return done.then(() => undefined, () => undefined);
      },
    );
  }, 1_000);
  try {
    return await done;
  } finally {
    clearTimeout(timer);
  }
}

export function openDocument(uri: string): vscode.TextDocument | undefined {
  return vscode.workspace.textDocuments.find((document) => document.uri.toString() === uri);
}

export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
