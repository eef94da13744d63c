/** The NestedVM panel's side of the editor: one panel, of the program that was run or looked at last. */

import * as vscode from "vscode";
import { randomBytes } from "node:crypto";
import path from "node:path";
import type { TraceAnswer } from "./run-result";
import { errorText, openDocument, type Outcome, type Runs } from "./runs";
import type { Server } from "./server/server";
import type { FromPanel, ToPanel } from "./webview/messages";

const VIEW_TYPE = "nvm-lsp.panel";

export class Panel {
  private view: vscode.WebviewPanel | undefined;
  private uri: string | undefined;
  private readonly stepLine: vscode.TextEditorDecorationType;

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly server: Server,
    private readonly runs: Runs,
  ) {
    this.stepLine = vscode.window.createTextEditorDecorationType({
      isWholeLine: true,
      backgroundColor: new vscode.ThemeColor("nvm.stepLine"),
      overviewRulerColor: new vscode.ThemeColor("charts.yellow"),
      overviewRulerLane: vscode.OverviewRulerLane.Center,
    });
    context.subscriptions.push(
      this.stepLine,
      runs.onDidRun((outcome) => this.ran(outcome)),
      runs.onDidChange((uri) => this.changed(uri)),
      runs.onDidChangeRunning(() => this.showRunning()),
      vscode.window.onDidChangeActiveTextEditor((editor) => this.follow(editor)),
      vscode.window.registerWebviewPanelSerializer(VIEW_TYPE, {
        deserializeWebviewPanel: (view, state: { uri?: string } | undefined) => {
          this.uri = state?.uri;
          this.adopt(view);
          return Promise.resolve();
        },
      }),
    );
  }

  /** Opens the panel beside the editor, without taking the focus. */
  show(uri: string | undefined): void {
    if (uri !== undefined) this.uri = uri;
    if (this.view) {
      this.view.reveal(undefined, true);
      this.sendResult();
      return;
    }
    this.adopt(
      vscode.window.createWebviewPanel(VIEW_TYPE, "NestedVM", { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true }, {}),
    );
  }

  private adopt(view: vscode.WebviewPanel): void {
    this.view = view;
    view.iconPath = {
      light: vscode.Uri.joinPath(this.context.extensionUri, "icons", "easm-light.svg"),
      dark: vscode.Uri.joinPath(this.context.extensionUri, "icons", "easm-dark.svg"),
    };
    view.webview.options = {
      enableScripts: true,
      localResourceRoots: [vscode.Uri.joinPath(this.context.extensionUri, "out")],
    };
    view.webview.onDidReceiveMessage((message: FromPanel) => void this.receive(message));
    view.onDidDispose(() => {
      this.view = undefined;
      this.highlight(null);
    });
    view.onDidChangeViewState(() => {
      if (!view.visible) this.highlight(null);
    });
    view.webview.html = page(view.webview, this.context.extensionUri);
  }

  private ran(outcome: Outcome): void {
    this.uri = outcome.uri;
    const opens = vscode.workspace.getConfiguration("nvm-lsp").get<string>("editor.openPanel", "onRun") === "onRun";
    if (opens && !this.isInTheWay()) this.show(outcome.uri);
    else this.sendResult();
  }

  /** Whether showing the panel would cover the program, or take the reader away from it. */
  private isInTheWay(): boolean {
    if (!this.view || this.view.visible) return this.view !== undefined;
    return this.view.viewColumn === undefined || this.view.viewColumn === vscode.window.activeTextEditor?.viewColumn;
  }

  private changed(uri: string): void {
    if (uri !== this.uri || !this.view) return;
    const outcome = this.runs.get(uri);
    if (outcome === undefined) return;
    if (outcome === this.sent) this.send({ type: "stale", stale: outcome.stale });
    else this.sendResult();
    if (outcome.stale) this.highlight(null);
  }

  /** Another program with a result comes to the front: its result is shown. */
  private follow(editor: vscode.TextEditor | undefined): void {
    const uri = editor?.document.uri.toString();
    if (uri === undefined || uri === this.uri || this.runs.get(uri) === undefined) return;
    this.highlight(null);
    this.uri = uri;
    this.sendResult();
  }

  private async receive(message: FromPanel): Promise<void> {
    switch (message.type) {
      case "ready":
        this.sent = undefined;
        this.sendResult();
        this.showRunning();
        break;
      case "chunk":
        await this.sendChunk(message.request, message.chunk);
        break;
      case "line":
        this.highlight(message.line, message.path ?? null, message.pathLine ?? null);
        break;
      case "reveal":
        await this.reveal(message.line, message.path);
        break;
      case "copy":
        await vscode.env.clipboard.writeText(message.text);
        vscode.window.setStatusBarMessage("$(copy) Copied", 3_000);
        break;
      case "command":
        // The command is about the program of the panel, whatever editor is active.
        await vscode.commands.executeCommand(`nvm-lsp.${message.command}`, this.uri);
        break;
    }
  }

  private sent: Outcome | undefined;

  private sendResult(): void {
    const outcome = this.uri === undefined ? undefined : this.runs.get(this.uri);
    if (!this.view || outcome === undefined) return;
    this.sent = outcome;
    const name = path.posix.basename(vscode.Uri.parse(outcome.uri).path);
    this.view.title = `NestedVM: ${name}`;
    this.send({
      type: "result", name, uri: outcome.uri, result: outcome.result, stale: outcome.stale,
      trusted: vscode.workspace.isTrusted,
    });
  }

  private async sendChunk(request: number, chunk: number): Promise<void> {
    const outcome = this.sent;
    try {
      if (outcome === undefined) throw new Error("there is no result");
      if (chunk === 0 && outcome.stale) throw new Error("the text has changed since; run it again to see its steps");
      const maxSteps = vscode.workspace.getConfiguration("nvm-lsp").get<number>("editor.maxSteps", 200_000);
      const answer = await this.server.execute<TraceAnswer>("nvm.trace", [
        outcome.uri, { ...outcome.options, maxSteps, chunk },
      ]);
      this.send({ type: "trace", request, answer });
    } catch (error) {
      this.send({ type: "traceFailed", request, message: errorText(error) });
    }
  }

  private showRunning(): void {
    this.send({ type: "running", running: this.uri !== undefined && this.runs.isRunning(this.uri) });
  }

  private send(message: ToPanel): void {
    void this.view?.webview.postMessage(message);
  }

  /** Colours the line of the step, in every editor that shows the program or the file it stands in. */
  private highlight(line: number | null, file: string | null = null, fileLine: number | null = null): void {
    const places = new Map<string, number>();
    if (line !== null && this.uri !== undefined) places.set(this.uri, line);
    if (file !== null && fileLine !== null) places.set(vscode.Uri.file(file).toString(), fileLine);
    for (const editor of vscode.window.visibleTextEditors) {
      const place = this.view?.visible ? places.get(editor.document.uri.toString()) : undefined;
      const range = place !== undefined && place <= editor.document.lineCount ? editor.document.lineAt(place - 1).range : undefined;
      editor.setDecorations(this.stepLine, range ? [range] : []);
      if (range) editor.revealRange(range, vscode.TextEditorRevealType.InCenterIfOutsideViewport);
    }
  }

  private async reveal(line: number, file: string | null): Promise<void> {
    if (this.uri === undefined) return;
    const uri = file === null ? vscode.Uri.parse(this.uri) : vscode.Uri.file(file);
    const shown = vscode.window.visibleTextEditors.find((editor) => editor.document.uri.toString() === uri.toString());
    const document = shown?.document ?? openDocument(uri.toString()) ?? (await vscode.workspace.openTextDocument(uri));
    const position = new vscode.Position(Math.min(line, document.lineCount) - 1, 0);
    await vscode.window.showTextDocument(document, {
      viewColumn: shown?.viewColumn ?? vscode.ViewColumn.One, preserveFocus: true,
      selection: new vscode.Range(position, position),
    });
  }
}

function page(webview: vscode.Webview, extension: vscode.Uri): string {
  const nonce = randomBytes(16).toString("base64");
  const resource = (name: string): string => webview.asWebviewUri(vscode.Uri.joinPath(extension, "out", name)).toString();
  const policy = [
    "default-src 'none'", `style-src ${webview.cspSource}`, `font-src ${webview.cspSource}`,
    `img-src ${webview.cspSource}`, `script-src 'nonce-${nonce}'`,
  ].join("; ");
  const button = (id: string, icon: string, label: string, only = ""): string =>
    `<button type="button" class="tool ${only}" id="${id}" aria-label="${label}" title="${label}" aria-disabled="true"><vscode-icon name="${icon}"></vscode-icon></button>`;
  const command = (name: string, icon: string, label: string, only = ""): string =>
    `<button type="button" class="tool ${only}" data-command="${name}" aria-label="${label}" title="${label}"><vscode-icon name="${icon}"></vscode-icon></button>`;
  const section = (id: string, title: string, open = false): string =>
    `<details id="${id}" class="hidden"${open ? " open" : ""}><summary>${title} <span id="${id}-count"></span></summary><div class="rows" id="${id}-rows"></div></details>`;
  return /* html */ `<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta http-equiv="Content-Security-Policy" content="${policy}">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <link rel="stylesheet" id="vscode-codicon-stylesheet" href="${resource("codicon.css")}">
  <link rel="stylesheet" href="${resource("panel.css")}">
  <title>NestedVM</title>
</head>
<body>
  <div id="welcome">
    <vscode-icon name="circuit-board" size="48"></vscode-icon>
    <div>Run a program, and see here what it returned, what it cost, and every step of it.</div>
    <vscode-button data-command="run" icon="play">Run on NestedVM</vscode-button>
  </div>
  <main>
    <header>
      <div class="bar">
        <h1 id="name"></h1>
        <span id="build"></span>
        <span class="spacer"></span>
        <span class="only-running"><vscode-progress-ring></vscode-progress-ring>${command("cancelRun", "debug-stop", "Cancel the run")}</span>
        ${command("run", "play", "Run on NestedVM", "not-running")}
        ${command("exportTrace", "list-ordered", "Export the trace (EIP-3155)")}
        ${command("exportFlameGraph", "flame", "Export a flame graph (speedscope)")}
      </div>
      <div id="verdict" role="status">
        <vscode-icon id="outcome-icon" name="pass-filled" size="20"></vscode-icon>
        <span id="outcome"></span>
        <span id="forms"></span>
      </div>
      <div id="detail"></div>
      <div id="stale-note" role="status">
        The program has changed since this run.
        <button class="link" data-command="run">Run again</button>
      </div>
      <div id="gas-line">
        <span id="gas"></span>
        <div id="gas-bar" role="img"><div id="gas-native"></div></div>
        <span id="gas-legend"></span>
        <span id="refund" class="dim"></span>
        <span id="steps"></span>
      </div>
    </header>
    <div id="walk">
      <div class="bar" role="group" aria-label="steps">
        ${button("first", "debug-reverse-continue", "First step (Home)")}
        ${button("backOver", "debug-step-back", "Back over a call (Shift+Left)", "only-calls")}
        ${button("back", "chevron-left", "One step back (Left)")}
        <input id="slider" type="range" min="0" max="0" value="0" step="1" aria-label="step" disabled>
        ${button("forward", "chevron-right", "One step forward, into a call (Right)")}
        ${button("over", "debug-step-over", "Over a call (Shift+Right)", "only-calls")}
        ${button("out", "debug-step-out", "Out of the call (Shift+Up)", "only-calls")}
        ${button("last", "debug-continue", "The end (End)")}
        <span id="position" aria-live="off"></span>
      </div>
      <nav id="frames" class="hidden" aria-label="calls that the step is in"></nav>
      <div id="instruction"></div>
      <div id="cut"></div>
    </div>
    <div id="content">
      <div id="state">
        <section>
          <h2>Stack <span id="stack-depth"></span></h2>
          <div class="stack" id="stack" role="list" tabindex="0" aria-label="guest stack, top first"></div>
        </section>
        <section>
          <h2>Memory <span id="memory-size"></span></h2>
          <div id="memory-host"></div>
          <div id="writer" aria-live="polite"></div>
        </section>
      </div>
      <div id="untold" class="dim"></div>
      ${section("returned", "Return data of the last call", true)}
      ${section("storage", "Storage changes", true)}
      ${section("logs", "Logs", true)}
      ${section("transient", "Transient storage")}
      ${section("balances", "Balances")}
      ${section("console", "Console", true)}
      ${section("calls", "Calls", true)}
      <details id="kernel" class="hidden"><summary>Kernel area <span id="kernel-count"></span></summary><div class="rows" id="kernel-host"></div></details>
    </div>
  </main>
  <script nonce="${nonce}" src="${resource("panel.js")}"></script>
</body>
</html>`;
}
