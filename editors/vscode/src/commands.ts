/** The palette's commands. Each finds what it is about, has the server do it, and says so if it cannot. */

import * as vscode from "vscode";

import { type DraftDiff, SCHEME } from "./draftDiff";
import { install } from "./install";
import type { Pages } from "./page";
import { type Run, type Runs, isBusy, nameOf } from "./runs";
import type { Server } from "./server";
import type { Status } from "./status";

interface Parts {
  readonly runs: Runs;
  readonly server: Server;
  readonly diff: DraftDiff;
  readonly pages: Pages;
  readonly status: Status;
  readonly channel: vscode.LogOutputChannel;
  readonly context: vscode.ExtensionContext;
}

type Wanted = (run: Run) => boolean;

export function register(parts: Parts): vscode.Disposable {
  const { runs, server, diff, pages, channel } = parts;
  const ready: Wanted = (run) => run.state === "ready";
  const send = (command: string, wanted: Wanted, none: string) => async (given?: unknown) => {
    const run = await choose(parts, given, wanted, none);
    await (run && server.running?.command(command, { run: run.id }));
  };
  const actions: Record<string, (given?: unknown) => unknown> = {
    generate: () => begin(parts, "flow.generate"),
    repair: () => begin(parts, "flow.repair"),
    accept: send("flow.accept", ready, "There is no result to accept"),
    acceptHunk: () => acceptHunk(parts),
    discard: send("flow.discard", ready, "There is no result to discard"),
    cancel: send("flow.cancel", isBusy, "No run is working"),
    showDiff: send("flow.showDiff", () => true, "There was no run yet"),
    nextDraft: () => diff.front && diff.move(diff.front, 1),
    previousDraft: () => diff.front && diff.move(diff.front, -1),
    showRun: async (given) => {
      const run = await choose(parts, given, () => true, "There was no run yet");
      if (run) {
        pages.show(run);
      }
    },
    showLog: async (given) => {
      const run = await choose(parts, given, () => true, "");
      await (run ? showLog(run) : channel.show(true));
    },
    showOutput: () => channel.show(),
    restart: () => server.restart(),
    settings: () => vscode.commands.executeCommand("workbench.action.openSettings", "flowmill"),
    install: async () => {
      await install(parts.context);
      await server.restart();
    },
    menu: () => menu(parts),
  };
  const made = Object.entries(actions).map(([name, act]) => vscode.commands.registerCommand(`flowmill.${name}`, act));
  return vscode.Disposable.from(...made, { dispose: () => runs.dispose() });
}

async function begin(parts: Parts, command: string): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (!editor || editor.document.languageId !== "python" || editor.document.uri.scheme === SCHEME) {
    void vscode.window.showInformationMessage("Flow: put the cursor into a Python function first.");
    return;
  }
  if (!parts.server.running) {
    await menu(parts);
    return;
  }
  const { line, character } = editor.selection.active;
  const argument = { uri: editor.document.uri.toString(), position: { line, character } };
  await parts.server.running.command(command, argument);
}

/** The run that a command is about: the one given, in the diff in front, at the cursor, or the only one. */
async function choose(parts: Parts, given: unknown, wanted: Wanted, none: string): Promise<Run | undefined> {
  const { runs, diff } = parts;
  const named = typeof given === "object" && given !== null && "run" in given ? runs.get(String(given.run)) : undefined;
  if (named ?? (diff.front && wanted(diff.front) ? diff.front : undefined)) {
    return named ?? diff.front;
  }
  const found = runs.list.filter(wanted);
  const here = vscode.window.activeTextEditor?.document.uri.toString();
  const inFile = found.filter((run) => run.uri?.toString() === here);
  const likely = inFile.length ? inFile : found;
  const open = likely.filter((run) => isBusy(run) || run.state === "ready");
  const narrowed = open.length ? open : likely.slice(0, 1);
  if (narrowed.length > 1) {
    const items = narrowed.map((run) => ({ label: run.qualname, description: run.line, run }));
    return (await vscode.window.showQuickPick(items, { placeHolder: "Which function?" }))?.run;
  }
  if (!narrowed.length && none) {
    void vscode.window.showInformationMessage(`Flow: ${none.charAt(0).toLowerCase()}${none.slice(1)}.`);
  }
  return narrowed[0];
}

async function acceptHunk({ diff, server }: Parts): Promise<void> {
  const run = diff.front;
  const editor = vscode.window.activeTextEditor;
  if (!run || run.state !== "ready" || !editor) {
    return;
  }
  const hunk = editor.document.uri.scheme === SCHEME ? diff.hunkAt(run, editor.selection.active.line) : undefined;
  if (hunk === undefined) {
    void vscode.window.showInformationMessage("Flow: put the cursor into a change on the right side first.");
    return;
  }
  await server.running?.command("flow.accept", { run: run.id, hunks: [hunk] });
}

async function showLog(run: Run): Promise<void> {
  const uri = vscode.Uri.from({ scheme: "flow", path: `/run/${run.id}/log.md` });
  try {
    await vscode.commands.executeCommand("markdown.showPreview", uri);
  } catch {
    await vscode.window.showTextDocument(uri, { preview: true }); // the editor's Markdown extension is off
  }
}

// -------------------------------------------------------------------- the status bar item's menu
interface Choice extends vscode.QuickPickItem {
  readonly act: () => unknown;
}

async function menu(parts: Parts): Promise<void> {
  if (parts.status.state === "untrusted") {
    await vscode.commands.executeCommand("workbench.trust.manage");
    return;
  }
  const choices = parts.status.state === "running" ? ofRuns(parts) : ofTrouble(parts);
  const placeHolder = parts.status.state === "running" ? "What flow can do now" : "The server is not running";
  const chosen = await vscode.window.showQuickPick(choices, { placeHolder });
  await chosen?.act();
}

function ofTrouble(parts: Parts): Choice[] {
  const install = choice("$(cloud-download) Install the server", "flowmill.install");
  return [
    ...(parts.status.state === "missing" ? [install] : []),
    choice("$(refresh) Restart the server", "flowmill.restart"),
    { label: "$(output) Show the server's log", act: () => parts.channel.show() },
    choice("$(gear) Open the settings", "flowmill.settings"),
  ];
}

function ofRuns({ runs, channel }: Parts): Choice[] {
  const of = (run: Run, label: string, command: string): Choice => ({
    label: `${label}: ${nameOf(run)}`,
    description: run.line,
    act: () => vscode.commands.executeCommand(command, { run: run.id }),
  });
  const working = runs.working.flatMap((run) => [
    of(run, "$(debug-stop) Cancel", "flowmill.cancel"),
    of(run, "$(diff) Show diff", "flowmill.showDiff"),
  ]);
  const ready = runs.ready.flatMap((run) => [
    of(run, "$(check) Accept", "flowmill.accept"),
    of(run, "$(diff) Show diff", "flowmill.showDiff"),
    of(run, "$(discard) Discard", "flowmill.discard"),
  ]);
  const latest = runs.latest ? [of(runs.latest, "$(graph) Show run", "flowmill.showRun"), of(runs.latest, "$(note) Show log", "flowmill.showLog")] : [];
  return [
    ...working,
    ...ready,
    choice("$(sparkle) Generate the function at the cursor", "flowmill.generate"),
    choice("$(wrench) Repair the function at the cursor", "flowmill.repair"),
    ...latest,
    choice("$(refresh) Restart the server", "flowmill.restart"),
    { label: "$(output) Show the server's log", act: () => channel.show() },
  ];
}

function choice(label: string, command: string): Choice {
  return { label, act: () => vscode.commands.executeCommand(command) };
}
