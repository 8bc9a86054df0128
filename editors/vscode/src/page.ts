/** "Flow: Show Run": drafts and tests, the time axis and the diffs, live, without network. */

import * as vscode from "vscode";
import { randomBytes } from "node:crypto";

import type { FlowEvent } from "./events";
import { type Run, type Runs, isBusy, nameOf } from "./runs";

const EVERY = 100;

export class Pages {
  private readonly panels = new Map<string, Page>();
  private readonly listening: vscode.Disposable;

  /** `root` is the extension's folder. */
  constructor(private readonly root: vscode.Uri, runs: Runs) {
    this.listening = runs.onChange(({ run, what, event }) => {
      const page = this.panels.get(run.id);
      if (event) {
        page?.add(event);
      } else if (what === "state") {
        page?.fresh();
      }
    });
  }

  show(run: Run): void {
    const open = this.panels.get(run.id);
    if (open) {
      open.reveal();
      return;
    }
    this.panels.set(run.id, new Page(this.root, run, () => this.panels.delete(run.id)));
  }

  dispose(): void {
    this.listening.dispose();
    this.panels.forEach((page) => page.dispose());
  }
}

class Page {
  private readonly panel: vscode.WebviewPanel;
  private waiting: FlowEvent[] = [];
  private timer: NodeJS.Timeout | undefined;

  constructor(root: vscode.Uri, private readonly run: Run, closed: () => void) {
    const column = { viewColumn: vscode.ViewColumn.Active };
    const dist = vscode.Uri.joinPath(root, "dist");
    const options = { enableScripts: true, localResourceRoots: [dist], retainContextWhenHidden: false };
    this.panel = vscode.window.createWebviewPanel("flowmill.run", `flow: ${nameOf(run)}`, column, options);
    this.panel.iconPath = vscode.Uri.joinPath(root, "media", "icon.svg");
    // Whenever the page is shown anew it begins from nothing, and says so.
    this.panel.webview.onDidReceiveMessage((message: { type?: string }) => {
      if (message.type === "ready") {
        this.fresh();
      }
    });
    this.panel.onDidDispose(() => {
      clearTimeout(this.timer);
      closed();
    });
    this.panel.webview.html = html(this.panel.webview, dist);
  }

  /** Everything anew, also when the run stopped without an end of its own. */
  fresh(): void {
    this.waiting = [];
    const { uri, qualname, story } = this.run;
    const target = uri ? `${vscode.workspace.asRelativePath(uri)}::${qualname}` : qualname;
    const options = { live: isBusy(this.run), editor: true, target };
    void this.panel.webview.postMessage({ type: "run", events: story.events, options });
  }

  add(event: FlowEvent): void {
    this.waiting.push(event);
    this.timer ??= setTimeout(() => {
      this.timer = undefined;
      void this.panel.webview.postMessage({ type: "events", events: this.waiting });
      this.waiting = [];
    }, EVERY);
  }

  reveal(): void {
    this.panel.reveal();
  }

  dispose(): void {
    this.panel.dispose();
  }
}

function html(webview: vscode.Webview, dist: vscode.Uri): string {
  const nonce = randomBytes(16).toString("base64");
  const at = (name: string): string => webview.asWebviewUri(vscode.Uri.joinPath(dist, name)).toString();
  const policy = `default-src 'none'; style-src ${webview.cspSource}; script-src 'nonce-${nonce}'`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="${at("page.css")}"><title>flow</title></head>
<body><div id="run"></div>
<script type="module" nonce="${nonce}" src="${at("page.mjs")}"></script></body></html>`;
}
