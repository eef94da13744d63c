/**
 * A real VS Code in a real browser: its own server and workbench, the packaged extension installed,
 * a fresh profile. Everything that is waited for is waited for in the page, never by the clock.
 */

import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { chromium, type Browser, type Locator, type Page } from "playwright-core";

export const EXTENSION = path.resolve(path.dirname(process.argv[1] ?? "."), "..", "..");
export const ROOT = path.dirname(EXTENSION);
export const ARTIFACTS = path.join(EXTENSION, "test-artifacts");
/** How long something may take before it counts as not happening; generous, since machines differ. */
const PATIENCE_MS = Number(process.env["NVM_PATIENCE_MS"] ?? 60_000);

export interface Options {
  /** Files of the workspace by name, or examples of the project. */
  files?: Record<string, string>;
  examples?: string[];
  settings?: Record<string, unknown>;
  /** Whether every workspace is trusted; otherwise the editor asks. */
  trusted?: boolean;
  environment?: Record<string, string>;
  width?: number;
  height?: number;
}

export class Workbench {
  private constructor(
    readonly page: Page,
    readonly folder: string,
    readonly home: string,
    private readonly browser: Browser,
    private readonly server: ChildProcess,
  ) {}

  /** Starts a server and opens a workspace in it. */
  static async start(options: Options): Promise<Workbench> {
    const home = mkdtempSync(path.join(tmpdir(), "nvm-editor-"));
    const folder = path.join(home, "workspace");
    makeWorkspace(folder, options);
    const extensions = path.join(home, "extensions");
    unpackExtension(extensions);
    const machine = path.join(home, "server", "data", "Machine");
    mkdirSync(machine, { recursive: true });
    writeFileSync(path.join(machine, "settings.json"), JSON.stringify({ ...QUIET, ...options.settings }));
    const port = await freePort();
    const server = spawn(
      process.execPath,
      [
        required("NVM_EDITOR_SERVER"), "--host", "127.0.0.1", "--port", String(port), "--without-connection-token",
        "--accept-server-license-terms", "--telemetry-level", "off", "--server-data-dir", path.join(home, "server"), "--extensions-dir", extensions,
        ...(options.trusted === false ? [] : ["--disable-workspace-trust"]),
      ],
      // VSCODE_CLI: take the environment as it is, instead of asking a login shell.
      { env: { ...process.env, HOME: home, VSCODE_CLI: "1", ...options.environment }, stdio: ["ignore", "pipe", "pipe"], detached: true },
    );
    await answering(server, port);
    const browser = await chromium.launch({
      executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
      args: [
        "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--force-color-profile=srgb",
      ],
    });
    const page = await browser.newPage({
      viewport: { width: options.width ?? 1400, height: options.height ?? 860 }, colorScheme: "dark",
      permissions: ["clipboard-read", "clipboard-write"],
    });
    page.setDefaultTimeout(PATIENCE_MS);
    await page.goto(`http://127.0.0.1:${port}/?folder=${folder}`);
    await page.locator(".monaco-workbench .part.editor").waitFor();
    return new Workbench(page, folder, home, browser, server);
  }

  /** Ends what was started, and only that. */
  async stop(): Promise<void> {
    await this.browser.close();
    if (this.server.pid !== undefined) {
      try {
        process.kill(-this.server.pid, "SIGKILL");
      } catch {
        // It has ended by itself.
      }
    }
    rmSync(this.home, { recursive: true, force: true, maxRetries: 5 });
  }

  // Editor ---------------------------------------------------------------------------------------

  async open(name: string): Promise<void> {
    const input = this.page.locator(".quick-input-widget input");
    await this.pressUntil("Control+p", input);
    await input.fill(path.join(this.folder, name));
    // Rows of earlier files go once the list follows the input.
    const row = this.page.locator(".quick-input-list .monaco-list-row.focused", { hasText: path.basename(name) });
    await row.first().waitFor();
    await input.press("Enter");
    await this.page.locator(`.tab.active[data-resource-name="${path.basename(name)}"]`).first().waitFor();
  }

  /** Carries out a command of the palette by its title. */
  async command(title: string): Promise<void> {
    const input = this.page.locator(".quick-input-widget input");
    await this.pressUntil("F1", input);
    await input.fill(`>${title}`);
    const row = this.page.locator(".quick-input-list .monaco-list-row", { hasText: title }).first();
    await row.waitFor();
    await input.press("Enter");
  }

  /** Presses a key until something shows: an editor that is still starting misses keys. */
  private async pressUntil(key: string, shown: Locator): Promise<void> {
    for (let attempt = 0; attempt < 5; attempt++) {
      await this.page.keyboard.press(key);
      try {
        await shown.waitFor({ timeout: PATIENCE_MS / 10 });
        return;
      } catch {
        await this.page.keyboard.press("Escape");
      }
    }
    await shown.waitFor();
  }

  /** The visible line with such a text. */
  line(text: string | RegExp): Locator {
    return this.page.locator(".editor-instance .view-line", { hasText: text }).first();
  }

  /** Sets the cursor behind a line, by its number from one. */
  async goTo(line: number, column = 1): Promise<void> {
    const input = this.page.locator(".quick-input-widget input");
    await this.pressUntil("Control+g", input);
    await input.fill(`:${line}:${column}`);
    await input.press("Enter");
    await this.page.locator(".quick-input-widget").waitFor({ state: "hidden" });
  }

  lens(title: string): Locator {
    return this.page.locator(".codelens-decoration a", { hasText: title }).first();
  }

  /** Waits for a coloured outcome behind a line, and gives it; editors draw it by style sheets. */
  async outcome(text: string | RegExp): Promise<string> {
    const pattern = typeof text === "string" ? text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&") : text.source;
    const found = await this.page.waitForFunction((source) => {
      const wanted = new RegExp(source);
      for (const span of document.querySelectorAll(".view-line span[class*='ced-']")) {
        const content = getComputedStyle(span, "::after").content.replace(/^"|"$/g, "");
        if (wanted.test(content)) return content;
      }
      return null;
    }, pattern);
    return (await found.jsonValue()) as string;
  }

  /** The value behind a line: an inlay hint. */
  hint(text: string | RegExp): Locator {
    return this.page.locator(".view-line span[class*='dyn-rule']").filter({ hasText: text }).first();
  }

  notification(text: string | RegExp): Locator {
    return this.page.locator(".notification-toast", { hasText: text }).first();
  }

  status(): Locator {
    return this.page.locator(".statusbar-item[id='nvm-lsp.nvm-lsp.nvm-lsp.status']");
  }

  /** The status item warns that there is no server, and none is being installed. */
  async isServerMissing(): Promise<boolean> {
    return (await this.status().getAttribute("class"))?.includes("warning-kind") ?? false;
  }

  /** What the webview shows. */
  panel() {
    return this.page.frameLocator("iframe.webview.ready").frameLocator("iframe#active-frame");
  }

  /** What axe-core finds wrong with the accessibility of what the webview shows. */
  async audit(): Promise<string[]> {
    const frame = await (await this.panel().locator("body").elementHandle())?.ownerFrame();
    if (!frame) throw new Error("there is no webview");
    await frame.evaluate(readFileSync(path.join(EXTENSION, "node_modules", "axe-core", "axe.min.js"), "utf8"));
    return frame.evaluate(async () => {
      const { axe } = globalThis as unknown as { axe: { run(): Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }> } };
      const { violations } = await axe.run();
      return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.html.slice(0, 200)}\n${node.failureSummary}`));
    });
  }

  async screenshot(name: string): Promise<void> {
    mkdirSync(ARTIFACTS, { recursive: true });
    await this.page.screenshot({ path: path.join(ARTIFACTS, `${name}.png`) });
  }

  /** Changes the settings of the machine. */
  configure(settings: Record<string, unknown>): void {
    const file = path.join(this.home, "server", "data", "Machine", "settings.json");
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, "utf8")) as object, ...settings }));
  }

  /** The text of the extension's log. */
  log(): string {
    const folder = path.join(this.home, "server", "data", "logs");
    return logFiles(folder).map((file) => readFileSync(file, "utf8")).join("\n");
  }
}

/** Runs a test in a workbench; keeps a picture and the log if it fails. */
export async function inWorkbench(name: string, options: Options, test: (it: Workbench) => Promise<void>): Promise<void> {
  const it = await Workbench.start(options);
  try {
    await test(it);
  } catch (error) {
    await it.screenshot(`failed-${name}`).catch(() => undefined);
    writeFileSync(path.join(ARTIFACTS, `failed-${name}.log`), it.log());
    throw error;
  } finally {
    await it.stop();
  }
}

/** Settings that keep the editor from showing what is not ours. */
const QUIET = {
  "workbench.colorTheme": "Default Dark Modern",
  "workbench.startupEditor": "none",
  "workbench.reduceMotion": "on",
  "workbench.tips.enabled": false,
  "chat.commandCenter.enabled": false,
  "telemetry.telemetryLevel": "off",
  "extensions.autoCheckUpdates": false,
  "extensions.ignoreRecommendations": true,
  "window.commandCenter": false,
  "editor.cursorBlinking": "solid",
  "editor.minimap.enabled": false,
};

function makeWorkspace(folder: string, options: Options): void {
  mkdirSync(folder, { recursive: true });
  for (const example of options.examples ?? []) {
    cpSync(path.join(ROOT, "examples", example), path.join(folder, example), { recursive: true });
  }
  for (const [name, text] of Object.entries(options.files ?? {})) {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), text);
  }
}

/** Installs the packaged extension the way VS Code does: unpacked, into a folder of its name. */
function unpackExtension(extensions: string): void {
  const manifest = JSON.parse(readFileSync(path.join(EXTENSION, "package.json"), "utf8")) as { name: string; publisher: string; version: string };
  const vsix = path.join(EXTENSION, `${manifest.name}-${manifest.version}.vsix`);
  if (!existsSync(vsix)) throw new Error(`${vsix} is missing; npm run package makes it`);
  const done = spawnSync(
    process.execPath,
    [required("NVM_EDITOR_SERVER"), "--extensions-dir", extensions, "--install-extension", vsix],
    { env: { ...process.env, HOME: path.dirname(extensions) }, encoding: "utf8" },
  );
  if (done.status !== 0) throw new Error(`installing ${vsix}: ${done.stdout}${done.stderr}`);
}

function logFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".log") && /easm|exthost/.test(file))
    .map((file) => path.join(folder, file));
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => (typeof address === "object" && address ? resolve(address.port) : reject(new Error("no port"))));
    });
  });
}

function answering(server: ChildProcess, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = "";
    const take = (data: Buffer): void => {
      said += data.toString();
      if (said.includes(`Extension host agent listening on ${port}`)) resolve();
    };
    server.stdout?.on("data", take);
    server.stderr?.on("data", take);
    server.on("exit", (code) => reject(new Error(`the editor's server ended with ${code}: ${said}`)));
  });
}

function required(name: string): string {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set; start the tests by npm run test:editor`);
  return value;
}
