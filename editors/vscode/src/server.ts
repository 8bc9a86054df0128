/** Finds, starts and restarts the server; knows why there is none. */

import * as fs from "node:fs";
import * as vscode from "vscode";

import { type Found, findServer } from "./finding";
import { installedAt } from "./install";
import { onPythonChange, selectedPython } from "./python";
import { explicit, own, SECTION, serverSettings } from "./settings";
import type { Listener, Session } from "./session";
import type { Life } from "./status";

const RESTARTS_AT = ["serverPath", "interpreter", "trace"];

export interface Told extends Omit<Listener, "settings" | "died"> {
  life(life: Life, why?: string): void;
  lost(): void;
}

export class Server {
  private session: Session | undefined;
  private found: Found | undefined;
  private queue: Promise<void> = Promise.resolve();
  private readonly names: string[];
  private readonly disposables: vscode.Disposable[] = [];

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly channel: vscode.LogOutputChannel,
    private readonly told: Told,
  ) {
    this.names = serverSettings(context.extension.packageJSON as Parameters<typeof serverSettings>[0]);
    this.disposables.push(
      vscode.workspace.onDidChangeConfiguration((change) => this.configured(change)),
      vscode.workspace.onDidGrantWorkspaceTrust(() => void this.restart()),
    );
    void onPythonChange(() => void this.python()).then((listening) => listening && this.disposables.push(listening));
  }

  get running(): Session | undefined {
    return this.session;
  }

  /** Start anew, after whatever is going on. */
  restart(): Promise<void> {
    this.queue = this.queue.then(async () => {
      await this.stop();
      await this.start();
    });
    return this.queue;
  }

  async dispose(): Promise<void> {
    vscode.Disposable.from(...this.disposables).dispose();
    await this.queue;
    await this.stop();
  }

  private async start(): Promise<void> {
    if (!vscode.workspace.isTrusted) {
      this.told.life("untrusted");
      return;
    }
    this.told.life("starting");
    this.found = await find(this.context);
    if (!this.found) {
      this.told.life("missing");
      return;
    }
    this.channel.info(`Starting ${this.found.command} ${this.found.args.join(" ")} (found by ${this.found.by})`);
    try {
      const { Session } = await import("./session.js");
      this.session = await Session.start(this.found, this.channel, {
        ...this.told,
        settings: (scope) => this.settings(scope),
        died: () => this.died(),
      });
      this.told.life("running");
      await vscode.commands.executeCommand("setContext", "flowmill.server", true);
    } catch (error) {
      this.session = undefined;
      const why = error instanceof Error ? error.message : String(error);
      this.channel.error(why);
      this.told.life("broken", `${this.found.command} could not be started`);
    }
  }

  private async stop(): Promise<void> {
    const session = this.session;
    this.session = undefined;
    if (session) {
      this.told.lost();
      await session.stop();
    }
  }

  private died(): void {
    if (this.session) {
      this.session = undefined;
      this.told.lost();
      this.told.life("broken", "the server ended unexpectedly");
    }
  }

  private configured(change: vscode.ConfigurationChangeEvent): void {
    if (RESTARTS_AT.some((name) => change.affectsConfiguration(`${SECTION}.${name}`))) {
      void this.restart();
    }
  }

  /** Another environment is selected: the server may be another one, and the tests' interpreter is. */
  private async python(): Promise<void> {
    const now = await find(this.context);
    if (!this.session || now?.command !== this.found?.command) {
      await this.restart();
    } else {
      await this.session.settingsChanged();
    }
  }

  /** What the user set for a folder; the interpreter for the tests is the selected one if none is set. */
  private async settings(scope: vscode.Uri | undefined): Promise<Record<string, unknown>> {
    const found = explicit(this.names, scope);
    const python = found["python"] ?? (await selectedPython(scope));
    return python ? { ...found, python } : found;
  }
}

async function find(context: vscode.ExtensionContext): Promise<Found | undefined> {
  const folders = vscode.workspace.workspaceFolders ?? [];
  const serverPath = own("serverPath");
  const interpreter = own("interpreter");
  const selected = serverPath || interpreter ? [] : await Promise.all(folders.map((folder) => selectedPython(folder.uri)));
  return findServer({
    serverPath,
    interpreter,
    selected,
    folders: folders.filter((folder) => folder.uri.scheme === "file").map((folder) => folder.uri.fsPath),
    installed: installedAt(context),
    env: process.env,
    windows: process.platform === "win32",
    exists: (file) => fs.existsSync(file),
  });
}
