/** Tasks: check, test and format the programs of a folder; their findings become problems. */

import * as vscode from "vscode";
import { isInstalled, programOf } from "./cli";
import type { Server } from "./server/server";

const TYPE = "nvm-lsp";

interface Definition extends vscode.TaskDefinition {
  command: string;
  paths?: string[];
  arguments?: string[];
}

const OFFERED: { command: string; name: string; group?: vscode.TaskGroup; runs: boolean }[] = [
  { command: "lint", name: "lint", group: vscode.TaskGroup.Build, runs: false },
  { command: "test", name: "test", group: vscode.TaskGroup.Test, runs: true },
  { command: "fmt --check", name: "fmt --check", runs: false },
];

export function createTasks(context: vscode.ExtensionContext, server: Server): void {
  context.subscriptions.push(
    vscode.tasks.registerTaskProvider(TYPE, {
      // Without a server there is nothing to run; the status item says so.
      provideTasks: () => (isInstalled(server) ? vscode.workspace.workspaceFolders ?? [] : []).flatMap((folder) =>
        OFFERED.filter(({ runs }) => !runs || vscode.workspace.isTrusted).map(({ command, name, group }) => {
          const task = taskOf({ type: TYPE, command }, folder, name, server);
          if (group) task.group = group;
          return task;
        })),
      resolveTask: (task) => {
        const scope = task.scope;
        const folder = typeof scope === "object" ? scope : vscode.workspace.workspaceFolders?.[0];
        return folder && isInstalled(server) ? taskOf(task.definition as Definition, folder, task.name, server) : undefined;
      },
    }),
    vscode.commands.registerCommand("nvm-lsp.lint", async () => {
      const folder = vscode.workspace.workspaceFolders?.[0];
      if (folder === undefined) {
        void vscode.window.showInformationMessage("Open a folder first.");
        return;
      }
      await vscode.tasks.executeTask(taskOf({ type: TYPE, command: "lint" }, folder, "lint", server));
    }),
  );
}

function taskOf(definition: Definition, folder: vscode.WorkspaceFolder, name: string, server: Server): vscode.Task {
  const paths = definition.paths?.length ? definition.paths : ["."];
  const args = [...definition.command.split(/\s+/), ...(definition.arguments ?? []), ...paths];
  const execution = new vscode.ProcessExecution(programOf(server), args, { cwd: folder.uri.fsPath });
  const task = new vscode.Task(definition, folder, name, "nvm-lsp", execution, "$nvm-lsp");
  task.presentationOptions = { reveal: vscode.TaskRevealKind.Silent, clear: true };
  return task;
}
