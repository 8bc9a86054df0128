/** The run's tests in the editor's own Test Results view, one entry per draft. */

import * as path from "node:path";
import * as vscode from "vscode";

import type { TestReported } from "./events";
import { readFailure } from "./assertions";
import { type Run, type Runs, nameOf } from "./runs";

export class TestResults {
  private readonly controller = vscode.tests.createTestController("flowmill", "Flow");
  private readonly reports = new Map<string, vscode.TestRun>();
  private readonly listening: vscode.Disposable;

  constructor(runs: Runs) {
    this.listening = runs.onChange(({ run, what, event }) => {
      if (event?.type === "test") {
        this.report(run, event);
      } else if (event?.type === "draft.scored") {
        this.end(`${run.id}/${event.draft}`);
      } else if (event?.type === "run.finished" || (what === "state" && run.state === "cancelled")) {
        [...this.reports.keys()].filter((key) => key.startsWith(`${run.id}/`)).forEach((key) => this.end(key));
      }
    });
  }

  dispose(): void {
    this.reports.forEach((report) => report.end());
    this.listening.dispose();
    this.controller.dispose();
  }

  private report(run: Run, event: TestReported): void {
    const item = this.item(run, event.id);
    const report = this.open(run, event.draft);
    const took = event.seconds * 1000;
    report.appendOutput(`${event.outcome.padEnd(8)} ${event.id}\r\n`, undefined, item);
    if (event.outcome === "passed") {
      report.passed(item, took);
    } else if (event.outcome === "skipped") {
      report.skipped(item);
    } else if (event.outcome === "failed") {
      report.failed(item, message(event, item), took);
    } else {
      report.errored(item, message(event, item), took);
    }
  }

  private open(run: Run, draft: number): vscode.TestRun {
    const key = `${run.id}/${draft}`;
    const name = `${nameOf(run)}: ${draft ? `draft ${draft}` : "as it is"}`;
    let report = this.reports.get(key);
    if (!report) {
      const request = new vscode.TestRunRequest(undefined, undefined, undefined, false, true);
      report = this.controller.createTestRun(request, name, false);
      this.reports.set(key, report);
    }
    return report;
  }

  private end(key: string): void {
    this.reports.get(key)?.end();
    this.reports.delete(key);
  }

  private item(run: Run, id: string): vscode.TestItem {
    const [file = "", ...names] = id.split("::");
    const uri = place(run, file);
    let parent = this.controller.items.get(file);
    if (!parent) {
      parent = this.controller.createTestItem(file, file, uri);
      this.controller.items.add(parent);
    }
    let item = parent.children.get(id);
    if (!item) {
      item = this.controller.createTestItem(id, names.join("::"), uri);
      parent.children.add(item);
    }
    return item;
  }
}

function message(event: TestReported, item: vscode.TestItem): vscode.TestMessage {
  const failure = readFailure(event.message, event.details, event.id);
  const { expected, actual } = failure;
  const text = expected !== undefined && actual !== undefined
    ? vscode.TestMessage.diff(failure.message, expected, actual)
    : new vscode.TestMessage([failure.message, event.details].filter(Boolean).join("\n\n"));
  if (item.uri && failure.line !== undefined) {
    text.location = new vscode.Location(item.uri, new vscode.Position(failure.line, 0));
  }
  return text;
}

/** A test's file: node ids count from the project's root, which lies at or above the function's file. */
function place(run: Run, file: string): vscode.Uri | undefined {
  const folder = run.uri && vscode.workspace.getWorkspaceFolder(run.uri);
  const root = folder?.uri.fsPath ?? (run.uri && path.dirname(run.uri.fsPath));
  return root === undefined ? undefined : vscode.Uri.file(path.join(root, file));
}
