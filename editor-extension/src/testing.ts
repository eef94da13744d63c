/** The Testing view: guest tests, which are `#=` comments of programs, found and run by the command line. */

import * as vscode from "vscode";
import path from "node:path";
import { readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { randomBytes } from "node:crypto";
import { runCli } from "./cli";
import { readLcov } from "./lcov";
import { errorText } from "./runs";
import type { Server } from "./server/server";

/** A test as `nvm-lsp test --collect-only` prints it; lines count from one. */
interface Listed {
  id: string;
  path: string;
  case: string | null;
  line: number;
}

interface Reported extends Listed {
  passed: boolean;
  problem: string | null;
  outcome: string;
  gas: { used: number; native: number | null };
  findings: {
    path: string; line: number; column: number; passed: boolean; expected: string; got: string; details: string[];
  }[];
}

/** A file whose tests may have changed is read again after this pause. */
const PAUSE_MS = 300;

/** Runs the tests of a program, or one of its cases, and shows them in the view. */
export type RunTestsOf = (uri: string, testCase?: string) => Promise<void>;

export function createTesting(context: vscode.ExtensionContext, server: Server): RunTestsOf {
  const controller = vscode.tests.createTestController("nvm-lsp", "easm");
  const coverage = new WeakMap<vscode.FileCoverage, vscode.StatementCoverage[]>();
  const finder = new Finder(controller, server);
  context.subscriptions.push(controller, finder);
  controller.refreshHandler = () => finder.findAll();
  controller.resolveHandler = async (item) => {
    if (item === undefined) await finder.findAll();
  };

  const run = controller.createRunProfile("Run", vscode.TestRunProfileKind.Run,
    (request, token) => runTests(controller, server, request, token), true);
  const withCoverage = controller.createRunProfile("Run with Coverage", vscode.TestRunProfileKind.Coverage,
    (request, token) => runTests(controller, server, request, token, coverage), true);
  withCoverage.loadDetailedCoverage = (_, file) => Promise.resolve(coverage.get(file) ?? []);
  context.subscriptions.push(run, withCoverage);

  return async (uri, testCase) => {
    await vscode.workspace.saveAll(false);
    await finder.findAll();
    const file = controller.items.get(uri);
    const item = testCase === undefined ? file : file?.children.get(`${uri}::${testCase}`);
    if (item === undefined) throw new Error("The program says nothing of what it must do, or lies outside of the workspace.");
    const source = new vscode.CancellationTokenSource();
    await runTests(controller, server, new vscode.TestRunRequest([item]), source.token);
  };
}

/** Keeps the items of the view in step with the programs of the workspace. */
class Finder implements vscode.Disposable {
  private readonly watcher = vscode.workspace.createFileSystemWatcher("**/*.{easm,toml}");
  private readonly subscriptions: vscode.Disposable[] = [this.watcher];
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly controller: vscode.TestController, private readonly server: Server) {
    const later = (): void => {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => void this.findAll(), PAUSE_MS);
    };
    this.subscriptions.push(
      this.watcher.onDidCreate(later), this.watcher.onDidChange(later), this.watcher.onDidDelete(later),
      vscode.workspace.onDidChangeWorkspaceFolders(later),
      server.onDidChange((state) => {
        if (state.kind === "running") later();
      }),
    );
  }

  dispose(): void {
    clearTimeout(this.timer);
    this.subscriptions.forEach((subscription) => subscription.dispose());
  }

  /** Looks at all folders of the workspace anew. */
  async findAll(): Promise<void> {
    const listed: { folder: vscode.WorkspaceFolder; tests: Listed[] }[] = [];
    for (const folder of vscode.workspace.workspaceFolders ?? []) {
      try {
        const output = await runCli(this.server, ["test", "--collect-only", "."], { cwd: folder.uri.fsPath });
        listed.push({ folder, tests: rowsOf<Listed>(output.stdout) });
      } catch {
        return; // No server yet: the view stays as it is until there is one.
      }
    }
    const files = new Map<string, vscode.TestItem>();
    for (const { folder, tests } of listed) {
      for (const test of tests) {
        const uri = vscode.Uri.file(path.resolve(folder.uri.fsPath, test.path));
        const key = uri.toString();
        const item = files.get(key) ?? this.controller.createTestItem(key, path.basename(test.path), uri);
        files.set(key, item);
        item.description = path.dirname(test.path) === "." ? "" : path.dirname(test.path);
        const range = new vscode.Range(test.line - 1, 0, test.line - 1, 0);
        if (test.case === null) {
          item.range = range;
          continue;
        }
        const child = this.controller.createTestItem(`${key}::${test.case}`, test.case, uri);
        child.range = range;
        item.children.add(child);
      }
    }
    this.controller.items.replace([...files.values()]);
  }
}

async function runTests(
  controller: vscode.TestController,
  server: Server,
  request: vscode.TestRunRequest,
  token: vscode.CancellationToken,
  coverage?: WeakMap<vscode.FileCoverage, vscode.StatementCoverage[]>,
): Promise<void> {
  if (!vscode.workspace.isTrusted) {
    void vscode.window.showWarningMessage("This workspace is not trusted, so its tests are not run.");
    return;
  }
  await vscode.workspace.saveAll(false);
  const wanted = leaves(request.include ?? itemsOf(controller.items), new Set(request.exclude ?? []));
  const run = controller.createTestRun(request);
  for (const item of wanted) run.enqueued(item);
  try {
    for (const folder of vscode.workspace.workspaceFolders ?? []) {
      const mine = wanted.filter((item) => item.uri && vscode.workspace.getWorkspaceFolder(item.uri) === folder);
      if (mine.length) await runInFolder(run, server, folder.uri.fsPath, mine, token, coverage);
    }
  } catch (error) {
    if (!(error instanceof vscode.CancellationError)) {
      for (const item of wanted) run.errored(item, new vscode.TestMessage(errorText(error)));
    }
  } finally {
    run.end();
  }
}

async function runInFolder(
  run: vscode.TestRun,
  server: Server,
  folder: string,
  items: vscode.TestItem[],
  token: vscode.CancellationToken,
  coverage?: WeakMap<vscode.FileCoverage, vscode.StatementCoverage[]>,
): Promise<void> {
  const byId = new Map(items.map((item) => [idOf(item, folder), item]));
  const files = [...new Set(items.map((item) => path.relative(folder, item.uri?.fsPath ?? "")))];
  const lcov = path.join(tmpdir(), `nvm-lsp-${randomBytes(6).toString("hex")}.info`);
  const seen = new Set<vscode.TestItem>();
  let begin = Date.now();
  for (const item of items) run.started(item);
  const output = await runCli(
    server,
    ["test", "--json", ...(coverage ? ["--coverage", lcov] : []), ...[...byId.keys()].flatMap((id) => ["--only", id]), ...files],
    {
      cwd: folder, token,
      line: (text) => {
        const [row] = rowsOf<Reported>(text);
        const item = row && byId.get(row.id);
        if (!row || !item) return;
        seen.add(item);
        report(run, item, row, folder, Date.now() - begin);
        begin = Date.now();
      },
    },
  );
  const problem = output.stderr.trim();
  if (problem) run.appendOutput(`${problem.replace(/\n/g, "\r\n")}\r\n`);
  for (const item of items) {
    if (!seen.has(item)) run.errored(item, new vscode.TestMessage(problem || "the test was not run: the program cannot be read"));
  }
  if (coverage) await addCoverage(run, lcov, folder, coverage);
}

function report(run: vscode.TestRun, item: vscode.TestItem, row: Reported, folder: string, duration: number): void {
  const gas = `${row.gas.used.toLocaleString("en")} gas`;
  run.appendOutput(`${row.passed ? "ok  " : "FAIL"}  ${row.id}  ${row.outcome}\r\n`, undefined, item);
  if (row.passed) {
    item.description = gas;
    run.passed(item, duration);
    return;
  }
  const messages = row.findings.filter(({ passed }) => !passed).map((finding) => {
    const message = vscode.TestMessage.diff(
      `expected ${finding.expected}, got ${finding.got}`,
      [finding.expected, ...finding.details].join("\n"), [finding.got, ...finding.details].join("\n"),
    );
    const uri = vscode.Uri.file(path.resolve(folder, finding.path));
    message.location = new vscode.Location(uri, new vscode.Position(finding.line - 1, finding.column - 1));
    return message;
  });
  run.failed(item, messages.length ? messages : [new vscode.TestMessage(row.problem ?? row.outcome)], duration);
}

async function addCoverage(
  run: vscode.TestRun, lcov: string, folder: string, coverage: WeakMap<vscode.FileCoverage, vscode.StatementCoverage[]>,
): Promise<void> {
  let text: string;
  try {
    text = await readFile(lcov, "utf8");
  } catch {
    return; // No test got as far as running.
  }
  await rm(lcov, { force: true });
  for (const { file, lines, branches } of readLcov(text)) {
    const statements = lines.map(({ line, hits }) => new vscode.StatementCoverage(
      hits, new vscode.Position(line - 1, 0),
      (branches.get(line) ?? []).map((count, index) => new vscode.BranchCoverage(count, undefined, index === 0 ? "taken" : "not taken")),
    ));
    const found = vscode.FileCoverage.fromDetails(vscode.Uri.file(path.resolve(folder, file)), statements);
    coverage.set(found, statements);
    run.addCoverage(found);
  }
}

/** The name that the command line gives a test. */
function idOf(item: vscode.TestItem, folder: string): string {
  const file = path.relative(folder, item.uri?.fsPath ?? "");
  const at = item.id.indexOf("::");
  return at < 0 ? file : `${file}${item.id.slice(at)}`;
}

/** The items that are tests themselves, without those that are left out. */
function leaves(items: readonly vscode.TestItem[], without: ReadonlySet<vscode.TestItem>): vscode.TestItem[] {
  return items.flatMap((item) => {
    if (without.has(item)) return [];
    return item.children.size ? leaves(itemsOf(item.children), without) : [item];
  });
}

function itemsOf(items: vscode.TestItemCollection): vscode.TestItem[] {
  return [...items].map(([, item]) => item);
}

function rowsOf<T>(text: string): T[] {
  return text.split("\n").filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as T);
}
