/** The buttons inside the diff, for those who let code lenses show there (`diffEditor.codeLens`). */

import * as vscode from "vscode";

import { SCHEME } from "./draftDiff";
import { type Run, type Runs, isBusy } from "./runs";
import { hunkLines } from "./splice";
import { score } from "./story";

export function draftLenses(runs: Runs): vscode.Disposable {
  const changed = new vscode.EventEmitter<void>();
  const provider: vscode.CodeLensProvider = {
    onDidChangeCodeLenses: changed.event,
    provideCodeLenses: ({ uri }) => {
      const run = runs.get(uri.query);
      return run ? lenses(run) : [];
    },
  };
  return vscode.Disposable.from(
    changed,
    runs.onChange(({ event }) => event?.type !== "draft.delta" && changed.fire()),
    vscode.languages.registerCodeLensProvider({ scheme: SCHEME }, provider),
  );
}

function lenses(run: Run): vscode.CodeLens[] {
  const line = (run.story.started?.target.start ?? 1) - 1;
  const lens = (at: number, title: string, command: string, ...more: unknown[]): vscode.CodeLens =>
    new vscode.CodeLens(new vscode.Range(at, 0, at, 0), { title, command, arguments: more });
  const named = { run: run.id };
  if (isBusy(run)) {
    return [lens(line, `flow: ${run.line}`, "flowmill.showRun", named), lens(line, "cancel", "flowmill.cancel", named)];
  }
  if (run.state !== "ready") {
    return [];
  }
  const best = run.story.current;
  const tests = best ? ` (${score(best, run.story.tests.length)} tests)` : "";
  const hunks = hunkLines(run.story.finished?.diff ?? "");
  const each = hunks.length > 1 ? hunks.map((hunk, number) => lens(hunk.start, "accept this hunk", "flow.accept", { ...named, hunks: [number] })) : [];
  const next = run.story.made.length > 1 ? [lens(line, "next draft", "flowmill.nextDraft")] : [];
  return [
    lens(line, `accept${tests}`, "flowmill.accept", named),
    lens(line, "discard", "flowmill.discard", named),
    ...next,
    ...each,
  ];
}
