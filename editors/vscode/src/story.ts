/** What a run's events come to so far. No editor in here. */

import type { DraftMade, DraftScored, FlowEvent, RunFinished, RunStarted, TestReported } from "./events";

export interface Draft {
  readonly number: number;
  /** The model's answer as far as it came. */
  streamed: string;
  made?: DraftMade;
  scored?: DraftScored;
  readonly results: Map<string, TestReported>;
}

export class Story {
  /** All events; pieces of one draft that follow each other are one event. */
  readonly events: FlowEvent[] = [];
  readonly drafts = new Map<number, Draft>();
  tests: readonly { readonly id: string }[] = [];
  started?: RunStarted;
  finished?: RunFinished;
  best: number | null = null;
  /** The draft that the model is writing. */
  streaming: number | null = null;

  add(event: FlowEvent): void {
    this.keep(event);
    switch (event.type) {
      case "run.started":
        this.started = event;
        break;
      case "tests.selected":
        this.tests = event.tests;
        break;
      case "draft.delta":
        this.draft(event.draft).streamed += event.text;
        this.streaming = event.draft;
        break;
      case "draft":
        this.draft(event.draft).made = event;
        this.streaming = this.streaming === event.draft ? null : this.streaming;
        break;
      case "test":
        this.draft(event.draft).results.set(event.id, event);
        break;
      case "draft.scored":
        this.draft(event.draft).scored = event;
        this.best = event.best && event.draft > 0 ? event.draft : this.best;
        break;
      case "run.finished":
        this.finished = event;
        this.best = event.best && event.best > 0 ? event.best : null;
        this.streaming = null;
        break;
      default:
    }
  }

  /** The numbers of the drafts whose code is whole, in order. */
  get made(): number[] {
    return [...this.drafts.values()].filter((draft) => draft.made).map((draft) => draft.number).sort((a, b) => a - b);
  }

  /** The draft to look at now: the one that is written, else the best, else the newest. */
  get current(): Draft | undefined {
    const number = this.finished ? this.best : (this.streaming ?? this.best ?? this.made.at(-1));
    return number == null ? undefined : this.drafts.get(number);
  }

  private draft(number: number): Draft {
    let draft = this.drafts.get(number);
    if (!draft) {
      draft = { number, streamed: "", results: new Map() };
      this.drafts.set(number, draft);
    }
    return draft;
  }

  private keep(event: FlowEvent): void {
    const last = this.events.at(-1);
    if (event.type === "draft.delta" && last?.type === "draft.delta" && last.draft === event.draft) {
      this.events[this.events.length - 1] = { ...last, text: last.text + event.text };
    } else {
      this.events.push(event);
    }
  }
}

/** `3/4`: passed of those that were not skipped. */
export function score(draft: Draft, total: number): string {
  const outcomes = [...draft.results.values()].map((result) => result.outcome);
  const skipped = outcomes.filter((outcome) => outcome === "skipped").length;
  const passed = outcomes.filter((outcome) => outcome === "passed").length;
  return `${passed}/${Math.max(total, outcomes.length) - skipped}`;
}
