/** The events that the server tells of a run: `flow/event`, the same objects as on `flowmill --json`. */

export type Outcome = "passed" | "failed" | "error" | "skipped" | "timeout" | "crashed";
export type Status = "verified" | "improved" | "unchanged" | "failed" | "cancelled";

interface Head {
  readonly run: string;
  readonly seq: number;
  /** Seconds since the run started. */
  readonly t: number;
}

export interface RunStarted extends Head {
  readonly type: "run.started";
  readonly mode: "generate" | "repair";
  /** Lines are counted from 1, both ends belong to it. */
  readonly target: { readonly file: string; readonly qualname: string; readonly start: number; readonly end: number };
  readonly model: string;
  readonly strategy: string;
}

export interface TestsSelected extends Head {
  readonly type: "tests.selected";
  readonly tests: readonly { readonly id: string; readonly trust: string }[];
  readonly how: string;
}

export interface Stage extends Head {
  readonly type: "stage";
  readonly name: string;
  readonly state: "started" | "finished";
  readonly seconds: number;
}

export interface DraftDelta extends Head {
  readonly type: "draft.delta";
  readonly draft: number;
  readonly text: string;
}

export interface DraftMade extends Head {
  readonly type: "draft";
  readonly draft: number;
  readonly origin: string;
  readonly parent: number | null;
  /** The whole function, indented as in the file. */
  readonly code: string;
  readonly diff: string;
}

export interface TestReported extends Head {
  readonly type: "test";
  /** 0 is the code as it stands. */
  readonly draft: number;
  readonly id: string;
  readonly outcome: Outcome;
  readonly seconds: number;
  readonly message: string;
  readonly details: string;
}

export interface DraftScored extends Head {
  readonly type: "draft.scored";
  readonly draft: number;
  readonly passed: number;
  readonly failed: number;
  readonly best: boolean;
}

export interface Note extends Head {
  readonly type: "note";
  readonly level: "info" | "warning";
  readonly text: string;
}

export interface RunFinished extends Head {
  readonly type: "run.finished";
  readonly status: Status;
  readonly best: number | null;
  readonly diff: string;
  readonly calls: number;
}

export type FlowEvent =
  | RunStarted
  | TestsSelected
  | Stage
  | DraftDelta
  | DraftMade
  | TestReported
  | DraftScored
  | Note
  | RunFinished;

/** What the command `flow.runs` says of a run. */
export interface Summary {
  readonly run: string;
  readonly mode: "generate" | "repair";
  readonly uri: string;
  readonly qualname: string;
  readonly state: RunState;
  readonly origin: "user" | "request" | "auto" | "check";
  readonly status: Status | null;
  readonly passed: number | null;
  readonly failed: number | null;
  readonly problem: string | null;
}

/** `ready`: finished with a result that can be accepted; `done`: finished with nothing to accept. */
export type RunState =
  | "queued"
  | "working"
  | "ready"
  | "done"
  | "cancelled"
  | "accepted"
  | "discarded"
  | "replaced";
