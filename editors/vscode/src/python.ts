/** The environment that the user selected in Microsoft's Python extension, if that is there. */

import * as vscode from "vscode";

const PYTHON = "ms-python.python";

interface Environments {
  getActiveEnvironmentPath(resource?: vscode.Uri): { path: string };
  resolveEnvironment(path: { path: string }): Promise<{ executable: { uri?: vscode.Uri } } | undefined>;
  readonly onDidChangeActiveEnvironmentPath: vscode.Event<unknown>;
}

async function environments(): Promise<Environments | undefined> {
  const extension = vscode.extensions.getExtension<{ environments?: Environments }>(PYTHON);
  try {
    return extension && (await extension.activate()).environments;
  } catch {
    return undefined; // it could not start, which is its own matter to tell
  }
}

/** The selected interpreter for a folder, "" if nobody says. */
export async function selectedPython(folder: vscode.Uri | undefined): Promise<string> {
  const api = await environments();
  if (!api) {
    return "";
  }
  const environment = await api.resolveEnvironment(api.getActiveEnvironmentPath(folder));
  return environment?.executable.uri?.fsPath ?? "";
}

/** Call back when another environment is selected. */
export async function onPythonChange(changed: () => void): Promise<vscode.Disposable | undefined> {
  return (await environments())?.onDidChangeActiveEnvironmentPath(() => changed());
}
