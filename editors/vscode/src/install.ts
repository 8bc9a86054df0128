/** The one way out when there is no server: a terminal task that installs it, then another look. */

import * as vscode from "vscode";

import { selectedPython } from "./python";

/** Ask once per window; whoever says no finds the status bar item. */
export async function offerInstall(): Promise<void> {
  const text = "Flow needs the Python package flowmill, which is not installed.";
  const chosen = await vscode.window.showWarningMessage(text, "Install", "Set Path");
  if (chosen === "Install") {
    await vscode.commands.executeCommand("flowmill.install");
  } else if (chosen === "Set Path") {
    await vscode.commands.executeCommand("workbench.action.openSettings", "flowmill.serverPath");
  }
}

/** The server is not there although it was found, or has ended: one line, and where to look. */
export async function offerHelp(why: string): Promise<void> {
  const chosen = await vscode.window.showErrorMessage(`Flow: ${why}.`, "Restart", "Show Log", "Settings");
  const commands = { Restart: "flowmill.restart", "Show Log": "flowmill.showOutput", Settings: "flowmill.settings" };
  if (chosen) {
    await vscode.commands.executeCommand(commands[chosen]);
  }
}

/** Where that puts the server: one environment for each version of the extension. */
export function installedAt(context: vscode.ExtensionContext): string {
  return vscode.Uri.joinPath(context.globalStorageUri, "server", String(context.extension.packageJSON.version)).fsPath;
}

/** Install what the extension brings along, in a terminal that the user sees; resolves when that has ended. */
export async function install(context: vscode.ExtensionContext): Promise<void> {
  const inside = (name: string) => vscode.Uri.joinPath(context.extensionUri, name).fsPath;
  const python = (await selectedPython(vscode.workspace.workspaceFolders?.[0]?.uri)) || (process.platform === "win32" ? "py" : "python3");
  const program = new vscode.ProcessExecution(python, [inside("server/install.py"), installedAt(context), inside("dist/wheels")]);
  const task = new vscode.Task({ type: "flowmill" }, vscode.TaskScope.Workspace, "Install the server", "Flow", program);
  await vscode.workspace.fs.createDirectory(vscode.Uri.joinPath(context.globalStorageUri, "server"));
  const started = await vscode.tasks.executeTask(task);
  await new Promise<void>((resolve) => {
    const listening = vscode.tasks.onDidEndTask((end) => {
      if (end.execution === started) {
        listening.dispose();
        resolve();
      }
    });
  });
}
