/** The user's settings, as the server wants them: only what was set, so that a project's own still count. */

import * as vscode from "vscode";

export const SECTION = "flowmill";
/** Settings of this extension, which the server does not know. */
export const OWN = new Set(["serverPath", "interpreter", "showDraft", "trace"]);

/** The names of the server's settings, as package.json has them. */
export function serverSettings(manifest: { contributes: { configuration: { properties: object } } }): string[] {
  const names = Object.keys(manifest.contributes.configuration.properties);
  return names.map((name) => name.slice(SECTION.length + 1)).filter((name) => !OWN.has(name.split(".")[0] ?? ""));
}

/** What the user set for this place, of the settings that are named. Defaults are the server's. */
export function explicit(names: readonly string[], scope: vscode.Uri | undefined): Record<string, unknown> {
  const section = vscode.workspace.getConfiguration(SECTION, scope ?? null);
  const found: Record<string, unknown> = {};
  for (const name of names) {
    const set = section.inspect(name);
    const value = set?.workspaceFolderValue ?? set?.workspaceValue ?? set?.globalValue;
    if (value !== undefined && value !== "") {
      found[name] = value;
    }
  }
  return found;
}

/** One setting of this extension; empty texts count as not set. */
export function own(name: "serverPath" | "interpreter" | "showDraft", scope?: vscode.Uri): string {
  return vscode.workspace.getConfiguration(SECTION, scope ?? null).get<string>(name, "").trim();
}
