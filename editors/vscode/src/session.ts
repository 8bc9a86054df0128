/** One server's life: the language client, and what passes between it and the rest of the extension. */

import * as vscode from "vscode";
import {
  CloseAction,
  ErrorAction,
  LanguageClient,
  type Middleware,
  RevealOutputChannelOn,
  State,
  type WorkspaceEdit,
} from "vscode-languageclient/node";

import type { FlowEvent, Summary } from "./events";
import type { Found } from "./finding";

/** What the extension is told, and asked. */
export interface Listener {
  event(event: FlowEvent): void;
  /** A line on how far a run is; the last one says how it ended. */
  progress(run: string, line: string, last: boolean): void;
  /** A command was asked for, by whatever way. */
  asked(command: string): void;
  /** The server did what a command wanted. */
  answered(command: string, answer: unknown): void;
  refused(command: string, reason: string): void;
  /** Show a run's document by our own means; false leaves it to the editor. */
  show(uri: vscode.Uri): boolean;
  settings(scope: vscode.Uri | undefined): Promise<Record<string, unknown>>;
  died(): void;
}

const NEVER = new vscode.CancellationTokenSource().token;
const TOKEN = /^flow\/(.+)$/;

export class Session {
  private constructor(private readonly client: LanguageClient) {}

  /** Start the server. Rejects if it cannot be started. */
  static async start(found: Found, channel: vscode.LogOutputChannel, listener: Listener): Promise<Session> {
    const executable = { command: found.command, args: [...found.args] };
    let stopped = false;
    const client = new QuietClient("flowmill", "Flow", executable, {
      documentSelector: [
        { language: "python", scheme: "file" },
        { language: "python", scheme: "untitled" },
      ],
      outputChannel: channel,
      revealOutputChannelOn: RevealOutputChannelOn.Never,
      initializationOptions: {
        flow: { events: true, messages: false, trusted: vscode.workspace.isTrusted },
        ...(await listener.settings(undefined)),
      },
      initializationFailedHandler: () => false,
      errorHandler: {
        error: () => ({ action: ErrorAction.Continue, handled: true }),
        closed: () => {
          if (!stopped) {
            listener.died();
          }
          return { action: CloseAction.DoNotRestart, handled: true };
        },
      },
      middleware: middleware(listener),
    });
    client.onNotification("flow/event", (event: FlowEvent) => listener.event(event));
    client.onDidChangeState((change) => {
      stopped = change.newState === State.Stopped && stopped;
    });
    const session = new Session(client);
    session.stopping = () => {
      stopped = true;
    };
    await client.start();
    return session;
  }

  private stopping: () => void = () => undefined;

  async command(command: string, argument: object): Promise<unknown> {
    return vscode.commands.executeCommand(command, argument);
  }

  async runs(): Promise<readonly Summary[]> {
    const params = { command: "flow.runs", arguments: [] };
    return this.client.sendRequest<Summary[]>("workspace/executeCommand", params);
  }

  /** Have the server ask for its settings again. */
  async settingsChanged(): Promise<void> {
    await this.client.sendNotification("workspace/didChangeConfiguration", { settings: null });
  }

  async stop(): Promise<void> {
    this.stopping();
    await this.client.dispose(2000).catch(() => undefined); // a server that has died is stopped too
  }
}

/** What it would pop up goes to the log: the status bar item and the notices say it in our words. */
class QuietClient extends LanguageClient {
  override error(message: string, data?: unknown): void {
    super.error(message, data, false);
  }

  override warn(message: string, data?: unknown): void {
    super.warn(message, data, false);
  }
}

function middleware(listener: Listener): Middleware {
  return {
    executeCommand: async (command, args: unknown[], next) => {
      listener.asked(command);
      try {
        const answer: unknown = await next(command, args);
        listener.answered(command, answer);
        return answer;
      } catch (error) {
        listener.refused(command, error instanceof Error ? error.message : String(error));
        return undefined;
      }
    },
    handleWorkDoneProgress: (token, params, next) => {
      const run = TOKEN.exec(String(token))?.[1];
      if (run === undefined) {
        next(token, params);
      } else {
        // The status bar item shows it, and more.
        listener.progress(run, params.message ?? "", params.kind === "end");
      }
    },
    workspace: {
      configuration: async (params) =>
        Promise.all(
          params.items.map((item) => listener.settings(item.scopeUri ? vscode.Uri.parse(item.scopeUri) : undefined)),
        ),
      // Without the settings themselves, defaults and all: the server asks for what was set.
      didChangeConfiguration: (_sections, next) => next(undefined),
      handleApplyEdit: (params, next) => next({ ...params, edit: unasked(params.edit) }, NEVER),
    },
    window: {
      showDocument: async (params, token, next) => {
        const shown = listener.show(vscode.Uri.parse(params.uri));
        return shown ? { success: true } : next(params, token);
      },
    },
  };
}

/** The edit without the question whether it may be made: who accepts here has the diff one click away. */
function unasked(edit: WorkspaceEdit): WorkspaceEdit {
  if (!edit.changeAnnotations) {
    return edit;
  }
  const annotations = Object.entries(edit.changeAnnotations);
  const quiet = annotations.map(([id, { needsConfirmation: _, ...rest }]) => [id, rest] as const);
  return { ...edit, changeAnnotations: Object.fromEntries(quiet) };
}
