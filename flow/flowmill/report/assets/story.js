// Folds the events of one run into what a page shows. The same as story.py, for a page that goes on.

export const BASELINE = 0;

/** One draft: how it was written, what became of it, and how its tests went. */
function newDraft(number, t) {
  return {
    number,
    first: t,
    last: t,
    madeAt: null,
    streamed: "",
    deltas: 0,
    made: null,
    results: new Map(),
    scored: null,
    changes: 0,
  };
}

export class Story {
  constructor() {
    this.run = "";
    this.now = 0;
    this.next = 0;
    this.started = null;
    this.tests = [];
    this.how = null;
    this.stages = [];
    this.drafts = new Map();
    this.notes = [];
    this.best = null;
    this.finished = null;
  }

  /** Take in one event; false for one that was taken in before, is of another run or is none. */
  add(event) {
    if (!event || typeof event !== "object" || typeof event.type !== "string") return false;
    if (this.run && event.run !== this.run) return false;
    if (typeof event.seq === "number") {
      if (event.seq < this.next) return false;
      this.next = event.seq + 1;
    }
    const t = Number(event.t) || 0;
    this.run = this.run || String(event.run ?? "");
    this.now = Math.max(this.now, t);
    this.#take(event, t);
    return true;
  }

  #take(event, t) {
    if (event.type === "run.started") this.started = event;
    else if (event.type === "tests.selected") [this.tests, this.how] = [event.tests ?? [], event.how];
    else if (event.type === "stage") this.#stage(event, t);
    else if (event.type === "note") this.notes.push(event);
    else if (event.type === "run.finished") [this.finished, this.best] = [event, event.best ?? null];
    else if (typeof event.draft === "number") this.#draft(event, t);
  }

  #stage(event, t) {
    if (event.state === "started") {
      this.stages.push({ name: String(event.name), started: t, ended: null });
      return;
    }
    const open = this.stages.findLast((span) => span.name === event.name && span.ended === null);
    if (open) open.ended = t;
    else this.stages.push({ name: String(event.name), started: Math.max(0, t - (event.seconds || 0)), ended: t });
  }

  #draft(event, t) {
    if (!this.drafts.has(event.draft)) this.drafts.set(event.draft, newDraft(event.draft, t));
    const draft = this.drafts.get(event.draft);
    draft.last = t;
    draft.changes += 1;
    if (event.type === "draft.delta") {
      draft.streamed += event.text ?? "";
      draft.deltas += 1;
    } else if (event.type === "draft") [draft.made, draft.madeAt] = [event, t];
    else if (event.type === "test") draft.results.set(event.id, event);
    else if (event.type === "draft.scored") {
      draft.scored = event;
      if (event.best) this.best = event.draft;
    }
  }

  /** Every test of the run: the selected ones in their order, then those that only drafts brought. */
  get columns() {
    const ids = new Set(this.tests.map((test) => test.id));
    for (const draft of this.drafts.values()) for (const id of draft.results.keys()) ids.add(id);
    return [...ids];
  }

  /** The code as it stands and every draft that was made, by number. */
  get rows() {
    return this.#sorted((draft) => draft.made || draft.results.size || draft.scored);
  }

  /** The drafts that were begun and of which only words are there. */
  get unfinished() {
    return this.#sorted((draft) => !draft.made && !draft.results.size && !draft.scored);
  }

  #sorted(wanted) {
    return [...this.drafts.values()].filter(wanted).sort((a, b) => a.number - b.number);
  }

  get bestDraft() {
    return this.best ? this.drafts.get(this.best) ?? null : null;
  }

  /** The run's result, or of an unfinished run the best draft's change. */
  get diff() {
    return this.finished ? this.finished.diff : this.bestDraft?.made?.diff ?? "";
  }
}
