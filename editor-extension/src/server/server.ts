/** The language server's life: found or installed, started, restarted, and what state it is in. */

import * as vscode from "vscode";
import {
  CloseAction, ErrorAction, LanguageClient, State, type ExecuteCommandSignature, type LanguageClientOptions,
} from "vscode-languageclient/node";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { editorCommands } from "./editor-commands";
import { bundledWheel, CancelledError, findPython, install, NoPythonError } from "./install";
import { locate, type Found } from "./locate";

export type ServerState =
  | { kind: "missing"; problems: string[] }
  | { kind: "installing" }
  | { kind: "starting"; found: Found }
  | { kind: "running"; found: Found }
  | { kind: "stopped"; found: Found | undefined; reason: string };

const RESTARTS = 4;
const RESTART_WINDOW_MS = 180_000;

/** What commands that the server advertises, and lenses name, do here instead; see `runs.ts`. */
export type CommandHandler = (command: string, args: unknown[], next: ExecuteCommandSignature) => unknown;

export class Server implements vscode.Disposable {
  private client: LanguageClient | undefined;
  private current: ServerState = { kind: "stopped", found: undefined, reason: "not started" };
  private readonly changed = new vscode.EventEmitter<ServerState>();
  private readonly restarts: number[] = [];
  private starting: Promise<void> | undefined;
  private offered = false;
  readonly onDidChange = this.changed.event;

  constructor(
    private readonly context: vscode.ExtensionContext,
    readonly log: vscode.LogOutputChannel,
    private readonly commandHandler: CommandHandler,
  ) {
    context.subscriptions.push(
      this.changed,
      vscode.workspace.onDidGrantWorkspaceTrust(() => void this.trustGranted()),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration("nvm-lsp.server")) void this.restart();
      }),
    );
  }

  get state(): ServerState {
    return this.current;
  }

  /** The client, once it runs; waits for one that is being started. */
  async running(): Promise<LanguageClient> {
    if (this.starting) await this.starting;
    if (this.client?.state !== State.Running) {
      throw new Error(
        this.current.kind === "missing"
          ? "The language server is not installed."
          : "The language server is not running.",
      );
    }
    return this.client;
  }

  /** Sends a command to the server. Cancelling it stops what the server does for it. */
  async execute<T>(command: string, args: unknown[], token?: vscode.CancellationToken): Promise<T> {
    const client = await this.running();
    const params = { command, arguments: args };
    return (await (token
      ? client.sendRequest("workspace/executeCommand", params, token)
      : client.sendRequest("workspace/executeCommand", params))) as T;
  }

  /** Whether the server that runs offers a command. */
  offers(command: string): boolean {
    return this.client?.initializeResult?.capabilities.executeCommandProvider?.commands.includes(command) ?? false;
  }

  /** Finds and starts the server; offers to install it where there is none. */
  start(): Promise<void> {
    this.starting ??= this.startNow().finally(() => (this.starting = undefined));
    return this.starting;
  }

  async restart(): Promise<void> {
    await this.starting;
    await this.stop("restarting");
    this.restarts.length = 0;
    await this.start();
  }

  async dispose(): Promise<void> {
    await this.stop("the editor closes");
  }

  private async startNow(): Promise<void> {
    const { found, problems } = await locate(await this.surroundings());
    for (const problem of problems) this.log.warn(problem);
    if (found === undefined) {
      this.set({ kind: "missing", problems });
      void this.offer(problems);
      return;
    }
    this.log.info(`server ${found.version}: ${found.program} (${found.source})`);
    this.set({ kind: "starting", found });
    const client = new LanguageClient("nvm-lsp", "easm", this.serverOptions(found), this.clientOptions(found));
    client.registerFeature(editorCommands);
    client.onDidChangeState(({ newState }) => {
      if (this.client !== client) return;
      if (newState === State.Running) this.set({ kind: "running", found });
      else if (newState === State.Starting) this.set({ kind: "starting", found });
      else if (this.current.kind !== "stopped") this.set({ kind: "stopped", found, reason: "it ended" });
    });
    this.client = client;
    try {
      await client.start();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      this.set({ kind: "stopped", found, reason });
      this.log.error(reason);
      void this.complain(`The easm language server did not start: ${reason}`);
    }
  }

  private async stop(reason: string): Promise<void> {
    const client = this.client;
    this.client = undefined;
    if (client === undefined) return;
    this.set({ kind: "stopped", found: undefined, reason });
    try {
      await client.dispose(3_000);
    } catch (error) {
      this.log.warn(`stopping the server: ${String(error)}`);
    }
  }

  private async trustGranted(): Promise<void> {
    // A server of the workspace's own environment may be preferred now.
    if (this.current.kind !== "running") await this.restart();
    else await this.client?.sendNotification("nvm/didChangeTrust", { trusted: true });
  }

  private serverOptions(found: Found) {
    const more = configuration().get<string[]>("server.arguments", []);
    const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath;
    return {
      command: found.program,
      args: ["serve", "--stdio", ...more],
      options: { ...(folder && vscode.workspace.isTrusted ? { cwd: folder } : {}), env: process.env },
    };
  }

  private clientOptions(found: Found): LanguageClientOptions {
    return {
      // Not what the extension shows itself: listings, pages.
      documentSelector: [{ language: "easm", scheme: "file" }, { language: "easm", scheme: "untitled" }],
      outputChannel: this.log,
      traceOutputChannel: this.log,
      initializationOptions: { trusted: vscode.workspace.isTrusted },
      synchronize: {
        configurationSection: "nvm-lsp",
        fileEvents: vscode.workspace.createFileSystemWatcher("**/*.{easm,hex,json,toml}"),
      },
      markdown: { isTrusted: false, supportHtml: false },
      middleware: {
        executeCommand: (command, args, next) => this.commandHandler(command, args, next),
        workspace: {
          // The server only learns that something has changed, and asks for what it then needs.
          didChangeConfiguration: (_, next) => next(undefined),
          configuration: async (params, token, next) => {
            const answer: unknown = await next(params, token);
            return Array.isArray(answer) ? answer.map(withoutRunOnSave) : answer as never;
          },
        },
      },
      errorHandler: {
        error: () => ({ action: ErrorAction.Continue, handled: true }),
        closed: () => this.closed(found),
      },
      initializationFailedHandler: () => false,
    };
  }

  /** The server ended by itself: it is started again, but not for ever. */
  private closed(found: Found) {
    const now = Date.now();
    while (this.restarts.length && now - (this.restarts[0] ?? 0) > RESTART_WINDOW_MS) this.restarts.shift();
    this.restarts.push(now);
    if (this.restarts.length <= RESTARTS) {
      this.log.warn("the server ended unexpectedly; it is started again");
      return { action: CloseAction.Restart, handled: true };
    }
    const reason = `it ended ${this.restarts.length} times within ${RESTART_WINDOW_MS / 60_000} minutes`;
    this.set({ kind: "stopped", found, reason });
    void this.complain(`The easm language server is not started again: ${reason}.`);
    return { action: CloseAction.DoNotRestart, handled: true };
  }

  private async complain(message: string): Promise<void> {
    const chosen = await vscode.window.showErrorMessage(message, "Restart", "Show Log");
    if (chosen === "Restart") await this.restart();
    else if (chosen === "Show Log") this.log.show();
  }

  // Installation ---------------------------------------------------------------------------------

  /** Offers to install the server, once a session. */
  private async offer(problems: string[]): Promise<void> {
    if (this.offered) return;
    this.offered = true;
    const set = configuration().get<string>("server.path", "");
    if (set) {
      const chosen = await vscode.window.showErrorMessage(
        `The easm language server cannot be started from ${set}: ${problems[0] ?? "it does not exist"}`, "Open Setting", "Install",
      );
      if (chosen === "Open Setting") await openSetting("nvm-lsp.server.path");
      else if (chosen === "Install") await this.installPrivately();
      return;
    }
    const chosen = await vscode.window.showInformationMessage(
      "The easm language server checks, explains and runs your programs. It was not found on this machine. " +
        "Install it into a private environment of this extension?",
      "Install", "Set Path…", "Not Now",
    );
    if (chosen === "Install") await this.installPrivately();
    else if (chosen === "Set Path…") await openSetting("nvm-lsp.server.path");
  }

  /** Installs the wheel that the extension carries, with progress, and starts it. */
  async installPrivately(): Promise<void> {
    const wheel = await bundledWheel(this.context.extensionPath);
    if (wheel === undefined) {
      void this.complain("This build of the extension carries no server to install.");
      return;
    }
    await this.stop("it is installed anew");
    this.set({ kind: "installing" });
    try {
      await vscode.window.withProgress(
        { location: vscode.ProgressLocation.Notification, title: "easm language server", cancellable: true },
        async (progress, token) => {
          progress.report({ message: "looking for Python" });
          const setting = vscode.workspace.getConfiguration("nvm-lsp").get<string>("server.pythonPath", "");
          const python = await findPython(setting, process.platform === "win32");
          await install(
            python, wheel, this.environment,
            (message) => progress.report({ message }),
            (line) => this.log.info(line),
            {
              isCancelled: () => token.isCancellationRequested,
              onCancel: (listener) => void token.onCancellationRequested(listener),
            },
          );
        },
      );
    } catch (error) {
      await this.installationFailed(error);
      return;
    }
    await this.start();
    if (this.current.kind === "running") {
      void vscode.window.showInformationMessage(`The easm language server ${this.current.found.version} is installed and running.`);
    }
  }

  private async installationFailed(error: unknown): Promise<void> {
    const problem = error instanceof Error ? error.message : String(error);
    this.set({ kind: "missing", problems: [problem] });
    this.log.error(`installation: ${problem}`);
    if (error instanceof CancelledError) return;
    if (error instanceof NoPythonError) {
      const tried = error.tried.length ? ` (${error.tried.join(", ")})` : "";
      const chosen = await vscode.window.showErrorMessage(
        `The easm language server needs Python 3.11, 3.12 or 3.13 with its venv module, and none was found${tried}. ` +
          "Install one, or name it in the setting nvm-lsp.server.pythonPath.",
        "Open Setting", "Try Again",
      );
      if (chosen === "Open Setting") await openSetting("nvm-lsp.server.pythonPath");
      else if (chosen === "Try Again") await this.installPrivately();
      return;
    }
    const chosen = await vscode.window.showErrorMessage(
      `The easm language server was not installed: ${problem}`, "Try Again", "Show Log",
    );
    if (chosen === "Try Again") await this.installPrivately();
    else if (chosen === "Show Log") this.log.show();
  }

  /** Whether the private environment holds another wheel than the one that the extension carries. */
  async isOutdated(): Promise<boolean> {
    const wheel = await bundledWheel(this.context.extensionPath);
    try {
      const installed = await readFile(path.join(this.environment, "wheel"), "utf8");
      return wheel !== undefined && installed !== path.basename(wheel);
    } catch {
      return false;
    }
  }

  private get environment(): string {
    return path.join(this.context.globalStorageUri.fsPath, "environment");
  }

  private async surroundings() {
    return {
      setting: configuration().get<string>("server.path", "").trim(),
      activePython: vscode.workspace.isTrusted ? await activePython() : undefined,
      folders: (vscode.workspace.workspaceFolders ?? []).map((folder) => folder.uri.fsPath),
      privateEnvironment: this.environment,
      trusted: vscode.workspace.isTrusted,
      searchPath: process.env["PATH"] ?? "",
      windows: process.platform === "win32",
    };
  }

  private set(state: ServerState): void {
    this.current = state;
    void vscode.commands.executeCommand("setContext", "nvm-lsp.serverRunning", state.kind === "running");
    this.changed.fire(state);
  }
}

/** The editor runs what is saved itself, since it is the editor that shows what came of it. */
function withoutRunOnSave(settings: unknown): unknown {
  if (typeof settings !== "object" || settings === null || !("run" in settings)) return settings;
  const copy = JSON.parse(JSON.stringify(settings)) as { run: Record<string, unknown> };
  copy.run["onSave"] = false;
  return copy;
}

function configuration(): vscode.WorkspaceConfiguration {
  return vscode.workspace.getConfiguration("nvm-lsp");
}

async function openSetting(name: string): Promise<void> {
  await vscode.commands.executeCommand("workbench.action.openSettings", name);
}

/** The interpreter that the Python extension has chosen, if there is that extension. */
async function activePython(): Promise<string | undefined> {
  interface Environments {
    getActiveEnvironmentPath(resource?: vscode.Uri): { path: string };
    resolveEnvironment(path: unknown): Promise<{ executable?: { uri?: vscode.Uri } } | undefined>;
  }
  const extension = vscode.extensions.getExtension<{ environments?: Environments }>("ms-python.python");
  if (extension === undefined) return undefined;
  try {
    const environments = (await extension.activate()).environments;
    if (environments === undefined) return undefined;
    const chosen = environments.getActiveEnvironmentPath(vscode.workspace.workspaceFolders?.[0]?.uri);
    return (await environments.resolveEnvironment(chosen))?.executable?.uri?.fsPath;
  } catch {
    return undefined;
  }
}
