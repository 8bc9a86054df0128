/** The diff that fills while drafts stream: left the user's text, right the draft in its place. */

import * as vscode from "vscode";

import { type Run, type Runs, isBusy, nameOf, openText } from "./runs";
import { type Lines, answerCode, documented, follow, hunkLines, placed, spliced } from "./splice";
import { own } from "./settings";
import type { Draft } from "./story";

export const SCHEME = "flowmill-draft";
/** Milliseconds between two looks at a draft that streams. */
const EVERY = 80;

export class DraftDiff implements vscode.TextDocumentContentProvider {
  private readonly changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.changed.event;
  private readonly chosen = new Map<string, number>();
  private readonly opened = new Set<string>();
  private readonly due = new Map<string, NodeJS.Timeout>();
  private readonly disposables: vscode.Disposable[];

  constructor(private readonly runs: Runs) {
    this.disposables = [
      vscode.workspace.registerTextDocumentContentProvider(SCHEME, this),
      runs.onChange(({ run, what, event }) => {
        if (what === "event" && (event?.type === "draft.delta" || event?.type === "draft")) {
          this.arrived(run);
        }
        if (what === "state" && !isBusy(run) && run.state !== "ready") {
          void this.close(run);
        }
        this.refresh(run);
      }),
      vscode.window.tabGroups.onDidChangeTabs(() => this.tell()),
      vscode.window.tabGroups.onDidChangeTabGroups(() => this.tell()),
      vscode.workspace.onDidChangeTextDocument(({ document }) => {
        const run = [...this.opened].map((id) => runs.get(id)).find((one) => one?.uri?.toString() === document.uri.toString());
        if (run) {
          this.refresh(run);
        }
      }),
    ];
  }

  dispose(): void {
    this.due.forEach((timer) => clearTimeout(timer));
    vscode.Disposable.from(...this.disposables, this.changed).dispose();
  }

  // ------------------------------------------------------------------ what stands in it
  provideTextDocumentContent(uri: vscode.Uri): string {
    const run = this.runs.get(uri.query);
    return run ? this.text(run) : "";
  }

  private text(run: Run): string {
    const before = run.before ?? "";
    const target = run.story.started?.target;
    const now = (run.uri && openText(run.uri)) ?? before;
    const draft = this.draft(run);
    if (!target || !draft) {
      return now;
    }
    const span = { start: target.start - 1, end: target.end };
    const at = follow(before, span, now);
    const text = at ? now : before;
    const lines = before.split(/\r?\n/).slice(span.start, span.end);
    const indent = /^\s*/.exec(lines[0] ?? "")?.[0] ?? "";
    const code = draft.made?.code ?? documented(placed(answerCode(draft.streamed), indent), lines);
    return code ? spliced(text, at ?? span, code) : text;
  }

  /** The draft that is shown: the one that the user chose, else the one that counts now. */
  draft(run: Run): Draft | undefined {
    return run.story.drafts.get(this.chosen.get(run.id) ?? -1) ?? run.story.current;
  }

  // ------------------------------------------------------------------ opening and closing
  async open(run: Run, beside: boolean): Promise<void> {
    if (!run.uri) {
      return;
    }
    this.opened.add(run.id);
    const document = await vscode.workspace.openTextDocument(run.uri);
    run.before ??= document.getText();
    const title = `${nameOf(run)}: your code ↔ flow's draft`;
    const there = tabsOf(run)[0]?.group.viewColumn;
    const viewColumn = there ?? (beside ? vscode.ViewColumn.Beside : vscode.ViewColumn.Active);
    const line = Math.max(0, (run.story.started?.target.start ?? 1) - 1);
    const selection = new vscode.Range(line, 0, line, 0);
    const options = { preview: false, preserveFocus: beside, viewColumn, selection };
    await vscode.commands.executeCommand("vscode.diff", run.uri, address(run), title, options);
    this.tell();
  }

  /** A draft has come: shown by itself if the user wants it and looks at that file. */
  private arrived(run: Run): void {
    const active = vscode.window.activeTextEditor?.document.uri.toString();
    const wanted = run.origin === "user" && own("showDraft", run.uri) === "diff";
    if (wanted && !this.opened.has(run.id) && active === run.uri?.toString()) {
      void this.open(run, true);
    }
  }

  private async close(run: Run): Promise<void> {
    const tabs = tabsOf(run);
    const wasFront = tabs.some((tab) => tab.isActive && tab.group.isActive);
    this.opened.delete(run.id);
    this.chosen.delete(run.id);
    await vscode.window.tabGroups.close(tabs, true);
    if (wasFront && run.uri) {
      const column = vscode.window.visibleTextEditors.find((editor) => editor.document.uri.toString() === run.uri?.toString())?.viewColumn;
      await vscode.window.showTextDocument(run.uri, column === undefined ? {} : { viewColumn: column });
    }
  }

  // ------------------------------------------------------------------ moving between drafts
  /** Show the next or previous whole draft. */
  move(run: Run, by: number): void {
    const made = run.story.made;
    const at = made.indexOf(this.draft(run)?.number ?? -1);
    const next = made[(at + by + made.length) % made.length];
    if (next !== undefined) {
      this.chosen.set(run.id, next);
      this.refresh(run);
      const best = next === run.story.best ? ", the best" : "";
      vscode.window.setStatusBarMessage(`flow: draft ${next} of ${made.length}${best}`, 4000);
    }
  }

  /** The number of the result's hunk at a line of the right side; undefined if the line is in none. */
  hunkAt(run: Run, line: number): number | undefined {
    const start = (run.story.started?.target.start ?? 1) - 1;
    const span = { start, end: run.story.started?.target.end ?? start };
    const now = (run.uri && openText(run.uri)) ?? run.before ?? "";
    const moved = (follow(run.before ?? "", span, now)?.start ?? start) - start;
    const fits = (hunk: Lines): boolean => hunk.start + moved <= line && line < hunk.end + moved;
    const found = hunkLines(run.story.finished?.diff ?? "").findIndex(fits);
    return found < 0 ? undefined : found;
  }

  hunks(run: Run): number {
    return hunkLines(run.story.finished?.diff ?? "").length;
  }

  /** The run whose diff is in front. */
  get front(): Run | undefined {
    const tab = vscode.window.tabGroups.activeTabGroup.activeTab;
    const id = tab && shown(tab);
    return id === undefined ? undefined : this.runs.get(id);
  }

  // ------------------------------------------------------------------ keeping it fresh
  private refresh(run: Run): void {
    if (!this.opened.has(run.id) || this.due.has(run.id)) {
      return;
    }
    this.due.set(run.id, setTimeout(() => {
      this.due.delete(run.id);
      this.changed.fire(address(run));
      this.tell();
    }, EVERY));
  }

  /** The context that the title's buttons depend on. */
  private tell(): void {
    const visible = vscode.window.tabGroups.all.map((group) => group.activeTab && shown(group.activeTab));
    const run = this.front ?? this.runs.get(visible.find((id) => id !== undefined) ?? "");
    const set = (key: string, value: unknown): void => void vscode.commands.executeCommand("setContext", key, value);
    set("flowmill.shown", run && (isBusy(run) ? "working" : run.state));
    set("flowmill.drafts", (run?.story.made.length ?? 0) > 1);
    set("flowmill.hunks", run !== undefined && this.hunks(run) > 1);
  }
}

function tabsOf(run: Run): vscode.Tab[] {
  return vscode.window.tabGroups.all.flatMap((group) => group.tabs).filter((tab) => shown(tab) === run.id);
}

/** The run whose diff a tab shows. */
function shown(tab: vscode.Tab): string | undefined {
  const input = tab.input;
  return input instanceof vscode.TabInputTextDiff && input.modified.scheme === SCHEME ? input.modified.query : undefined;
}

function address(run: Run): vscode.Uri {
  return vscode.Uri.from({ scheme: SCHEME, path: run.uri?.path ?? "/draft.py", query: run.id });
}
