/** The one way out when there is no server: a terminal task that installs it, then another look. */

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as vscode from "vscode";

const run = promisify(execFile);
const WAYS: readonly (readonly [program: string, ...args: string[]])[] = [
  ["uv", "tool", "install", "flowmill"],
  ["pipx", "install", "flowmill"],
];

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

/** Install into a place of its own, in a terminal that the user sees; resolves when that has ended. */
export async function install(): Promise<void> {
  const [program, ...args] = (await available()) ?? [process.platform === "win32" ? "py" : "python3", "-m", "pip", "install", "--user", "flowmill"];
  const shell = new vscode.ShellExecution(program, args);
  const task = new vscode.Task({ type: "flowmill" }, vscode.TaskScope.Workspace, "Install flowmill", "Flow", shell);
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

async function available(): Promise<readonly [string, ...string[]] | undefined> {
  for (const way of WAYS) {
    try {
      await run(way[0], ["--version"], { timeout: 5000 });
      return way;
    } catch {
      continue; // not there
    }
  }
  return undefined;
}
