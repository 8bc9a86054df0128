/** Puts the parts together. The server starts beside: a window never waits for it. */

import * as vscode from "vscode";

import { register } from "./commands";
import { DraftDiff } from "./draftDiff";
import type { FlowEvent } from "./events";
import { offerHelp, offerInstall } from "./install";
import { draftLenses } from "./lenses";
import { Notices } from "./notices";
import { Pages } from "./page";
import { Runs } from "./runs";
import { Server, type Told } from "./server";
import { Status } from "./status";
import { TestResults } from "./testResults";

/** Milliseconds after an edit at which it is asked what became of a result that waits. */
const SETTLE = 150;
const RESULT = /^\/?run\/([\w.-]+)\/result\.diff$/;

let server: Server | undefined;

export function activate(context: vscode.ExtensionContext): void {
  const began = performance.now();
  const channel = vscode.window.createOutputChannel("Flow", { log: true });
  const runs = new Runs();
  const status = new Status(runs);
  const diff = new DraftDiff(runs);
  const pages = new Pages(context.extensionUri, runs);
  server = new Server(context, channel, listener({ runs, status, diff, ask }));
  const parts = { runs, server, diff, pages, status, channel, context };
  context.subscriptions.push(channel, status, diff, pages, new TestResults(runs), new Notices(runs), register(parts));
  context.subscriptions.push(draftLenses(runs), contexts(runs), afterEdits(runs, ask));
  void server.restart();
  channel.info(`Activated in ${(performance.now() - began).toFixed(1)} ms`);

  /** What the server says of its runs now. */
  async function ask(): Promise<void> {
    const session = server?.running;
    try {
      runs.update((await session?.runs()) ?? []);
    } catch (error) {
      channel.debug(`flow.runs: ${String(error)}`); // the server ends, which is told by itself
    }
  }
}

export async function deactivate(): Promise<void> {
  await server?.dispose();
}

interface Heard {
  readonly runs: Runs;
  readonly status: Status;
  readonly diff: DraftDiff;
  readonly ask: () => Promise<void>;
}

/** What is done with what the server tells. */
function listener({ runs, status, diff, ask }: Heard): Told {
  let offered = false;
  return {
    event: (event: FlowEvent) => runs.add(event),
    progress: (run, line, last) => {
      runs.progress(run, line);
      if (last) {
        void ask();
      }
    },
    asked: (command) => status.expect(command === "flow.generate" || command === "flow.repair"),
    answered: (command, answer) => {
      const run = (answer as { run?: string } | null)?.run;
      if (run !== undefined && (command === "flow.generate" || command === "flow.repair")) {
        runs.begin(run);
      }
      status.expect(false);
      if (command !== "flow.runs") {
        void ask();
      }
    },
    refused: (_command, reason) => {
      status.expect(false);
      void vscode.window.showWarningMessage(`Flow: ${reason}`);
    },
    show: (uri) => {
      const run = uri.scheme === "flow" ? runs.get(RESULT.exec(uri.path)?.[1] ?? "") : undefined;
      if (run) {
        void diff.open(run, false);
      }
      return run !== undefined;
    },
    lost: () => runs.lost(),
    life: (life, why = "") => {
      status.set(life, why);
      if (life === "missing" && !offered) {
        offered = true;
        void offerInstall();
      } else if (life === "broken") {
        void offerHelp(why);
      }
    },
  };
}

/** An edit may be the result, taken by the code action, or the undo of it. */
function afterEdits(runs: Runs, ask: () => Promise<void>): vscode.Disposable {
  let timer: NodeJS.Timeout | undefined;
  return vscode.workspace.onDidChangeTextDocument(({ document }) => {
    const concerns = runs.list.some((run) => run.uri?.toString() === document.uri.toString());
    if (concerns) {
      clearTimeout(timer);
      timer = setTimeout(() => void ask(), SETTLE);
    }
  });
}

/** What menus and keys depend on. */
function contexts(runs: Runs): vscode.Disposable {
  const told = new Map<string, boolean>();
  return runs.onChange(() => {
    const now = { ready: runs.ready.length > 0, working: runs.working.length > 0, runs: runs.list.length > 0 };
    for (const [name, value] of Object.entries(now)) {
      if (told.get(name) !== value) {
        told.set(name, value);
        void vscode.commands.executeCommand("setContext", `flowmill.${name}`, value);
      }
    }
  });
}
