/** The runs of this window: what the server told of each, and how each stands. Everything shown listens here. */

import * as vscode from "vscode";

import type { FlowEvent, RunState, Summary } from "./events";
import { Story } from "./story";

const KEPT = 20;
const BUSY: readonly RunState[] = ["queued", "working"];

export interface Run {
  readonly id: string;
  readonly story: Story;
  uri: vscode.Uri | undefined;
  qualname: string;
  state: RunState;
  origin: Summary["origin"];
  problem: string;
  /** The server's line on how far it is, or how it ended. */
  line: string;
  /** The document when the run started. */
  before: string | undefined;
}

export type Change = "began" | "event" | "line" | "state";

export class Runs {
  private readonly all = new Map<string, Run>();
  private readonly changes = new vscode.EventEmitter<{ run: Run; what: Change; event?: FlowEvent }>();
  readonly onChange = this.changes.event;
  /** The run that commands without a run mean if the cursor names none. */
  latest: Run | undefined;

  get(id: string): Run | undefined {
    return this.all.get(id);
  }

  get list(): Run[] {
    return [...this.all.values()].reverse();
  }

  get working(): Run[] {
    return this.list.filter((run) => BUSY.includes(run.state));
  }

  get ready(): Run[] {
    return this.list.filter((run) => run.state === "ready");
  }

  /** The server said that there is such a run. */
  begin(id: string): Run {
    let run = this.all.get(id);
    if (!run) {
      run = this.fresh(id);
      this.all.set(id, run);
      this.latest = run;
      this.forget();
      this.changes.fire({ run, what: "began" });
    }
    return run;
  }

  add(event: FlowEvent): void {
    const run = this.begin(event.run);
    run.story.add(event);
    if (event.type === "run.started") {
      run.uri ??= vscode.Uri.file(event.target.file);
      run.qualname = event.target.qualname;
      run.before ??= openText(run.uri);
      run.state = run.state === "queued" ? "working" : run.state;
    }
    this.changes.fire({ run, what: "event", event });
  }

  progress(id: string, line: string): void {
    const run = this.begin(id);
    run.line = line;
    this.changes.fire({ run, what: "line" });
  }

  /** Take over what `flow.runs` says. */
  update(summaries: readonly Summary[]): void {
    for (const summary of [...summaries].reverse()) {
      const run = this.all.get(summary.run);
      if (!run) {
        continue;
      }
      run.uri = vscode.Uri.parse(summary.uri);
      run.qualname = summary.qualname;
      run.origin = summary.origin;
      run.problem = summary.problem ?? "";
      if (run.state !== summary.state) {
        run.state = summary.state;
        this.changes.fire({ run, what: "state" });
      }
    }
  }

  /** The server has gone: what worked does not any more, and nothing can be accepted. */
  lost(): void {
    for (const run of [...this.working, ...this.ready]) {
      run.state = "cancelled";
      this.changes.fire({ run, what: "state" });
    }
  }

  dispose(): void {
    this.changes.dispose();
  }

  private fresh(id: string): Run {
    const run = { id, story: new Story(), uri: undefined, qualname: "", state: "queued" as const };
    return { ...run, origin: "user", problem: "", line: "starting", before: undefined };
  }

  private forget(): void {
    for (const run of this.all.values()) {
      if (this.all.size <= KEPT) {
        return;
      }
      if (!BUSY.includes(run.state) && run.state !== "ready") {
        this.all.delete(run.id);
      }
    }
  }
}

/** The function's own name. */
export function nameOf(run: Run): string {
  return run.qualname.split("@")[0]?.split(".").at(-1) || "a function";
}

export function isBusy(run: Run): boolean {
  return BUSY.includes(run.state);
}

/** The text of an open document. */
export function openText(uri: vscode.Uri): string | undefined {
  const found = vscode.workspace.textDocuments.find((document) => document.uri.toString() === uri.toString());
  return found?.getText();
}
