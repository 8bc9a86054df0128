/** What is said when a run ends: nothing where the user sees it anyway, else one line. */

import * as vscode from "vscode";

import { type Run, type Runs, nameOf } from "./runs";

type Button = "Accept" | "Show Diff" | "Show Log" | "Settings";

const COMMANDS: Record<Button, string> = {
  Accept: "flowmill.accept",
  "Show Diff": "flowmill.showDiff",
  "Show Log": "flowmill.showLog",
  Settings: "flowmill.settings",
};

export class Notices {
  private readonly listening: vscode.Disposable;

  constructor(runs: Runs) {
    this.listening = runs.onChange(({ run, what }) => {
      if (what === "state" && run.origin === "user") {
        void this.ended(run);
      }
    });
  }

  dispose(): void {
    this.listening.dispose();
  }

  private async ended(run: Run): Promise<void> {
    const text = `Flow: ${nameOf(run)}: ${run.line}`;
    if (run.problem) {
      await offer(run, vscode.window.showErrorMessage(text, ...buttons("Show Log", "Settings")));
    } else if (run.state === "done") {
      await offer(run, vscode.window.showInformationMessage(`${text}; nothing was changed`, ...buttons("Show Log")));
    } else if (run.state === "ready" && !seen(run)) {
      const verified = run.story.finished?.status === "verified";
      const shown = verified
        ? vscode.window.showInformationMessage(text, ...buttons("Accept", "Show Diff"))
        : vscode.window.showWarningMessage(text, ...buttons("Show Diff", "Show Log"));
      await offer(run, shown);
    }
  }
}

function buttons(...names: Button[]): Button[] {
  return names;
}

async function offer(run: Run, answer: Thenable<Button | undefined>): Promise<void> {
  const chosen = await answer;
  if (chosen) {
    await vscode.commands.executeCommand(COMMANDS[chosen], { run: run.id });
  }
}

/** Whether the function's lens, which says the same, is on the screen. */
function seen(run: Run): boolean {
  return vscode.window.visibleTextEditors.some((editor) => editor.document.uri.toString() === run.uri?.toString());
}
