/** The status bar item: idle, working, a result that waits, an error with the way out. */

import * as vscode from "vscode";

import { type Run, type Runs, isBusy, nameOf } from "./runs";
import { score } from "./story";

export type Life = "off" | "untrusted" | "starting" | "running" | "missing" | "broken";

export class Status {
  private readonly item: vscode.StatusBarItem;
  private life: Life = "off";
  private why = "";
  private asked = false;

  constructor(private readonly runs: Runs) {
    this.item = vscode.window.createStatusBarItem("flowmill.status", vscode.StatusBarAlignment.Left, 10);
    this.item.name = "Flow";
    this.item.command = "flowmill.menu";
    runs.onChange(() => this.draw());
  }

  get state(): Life {
    return this.life;
  }

  set(life: Life, why = ""): void {
    this.life = life;
    this.why = why;
    this.draw();
  }

  /** A run was asked for: the first sign of life, before the server has answered. */
  expect(asked: boolean): void {
    this.asked = asked;
    this.draw();
  }

  dispose(): void {
    this.item.dispose();
  }

  private draw(): void {
    const shown = this.words();
    this.item.text = shown.text;
    this.item.tooltip = shown.tooltip;
    this.item.accessibilityInformation = { label: shown.text.replace(/\$\([^)]*\)\s*/g, "") };
    this.item.backgroundColor = shown.warn ? new vscode.ThemeColor("statusBarItem.warningBackground") : undefined;
    if (this.life === "off") {
      this.item.hide();
    } else {
      this.item.show();
    }
  }

  private words(): { text: string; tooltip: string; warn?: boolean } {
    const warn = true;
    switch (this.life) {
      case "untrusted":
        return { text: "$(shield) flow", tooltip: "Flow runs your tests: trust this workspace to use it" };
      case "missing":
        return { text: "$(warning) flow: not installed", tooltip: "Click to install the server", warn };
      case "broken":
        return { text: "$(warning) flow: stopped", tooltip: `${this.why}\nClick for what can be done`, warn };
      case "starting":
        return { text: "$(loading~spin) flow…", tooltip: "The server starts" };
      default:
        return this.ofRuns();
    }
  }

  private ofRuns(): { text: string; tooltip: string } {
    const working = this.runs.working;
    const run = working[0];
    if (run) {
      const more = working.length > 1 ? ` +${working.length - 1}` : "";
      return { text: `$(sync~spin) flow: ${short(run)}${more}`, tooltip: `${nameOf(run)}: ${run.line}\nClick to cancel or look` };
    }
    if (this.asked) {
      return { text: "$(sync~spin) flow: starting", tooltip: "A run begins" };
    }
    const ready = this.runs.ready[0];
    if (ready) {
      const tests = /\d+\/\d+/.exec(ready.line)?.[0];
      const text = `$(${ready.story.finished?.status === "verified" ? "pass" : "question"}) flow: ${nameOf(ready)}${tests ? ` ${tests}` : ""}`;
      return { text, tooltip: `${nameOf(ready)}: ${ready.line}\nClick to accept, look or discard` };
    }
    return { text: "$(pulse) flow", tooltip: "Flow is ready: put the cursor into a function" };
  }
}

/** `draft 3 7/9`, as far as there is something to say. */
export function short(run: Run): string {
  const story = run.story;
  const number = Math.max(0, ...story.drafts.keys());
  const draft = story.drafts.get(number);
  if (!draft || !isBusy(run)) {
    return run.line.split(" · ").at(-1) || "starting";
  }
  const tests = draft.results.size ? ` ${score(draft, story.tests.length)}` : "";
  return number ? `draft ${number}${tests}` : `first look${tests}`;
}
