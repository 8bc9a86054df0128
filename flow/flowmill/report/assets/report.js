// A run's page in an element: `mount(element, events, options)`, and `update(events)` while the run goes on.

import { h } from "./dom.js";
import {
  changeSection,
  costSection,
  evidenceSection,
  factsSection,
  fillCell,
  fillDraft,
  matrixSection,
  notesOn,
  notesSection,
  sorted,
  timeSection,
} from "./sections.js";
import { Story } from "./story.js";
import { clean, forEditor, heldBack, PROOF, scoreWords, verdict } from "./words.js";

const PLACES = ["verdict", "change", "evidence", "cost", "matrix", "time", "drafts", "notes", "facts"];
const DRAWN_AFTER = 50; // milliseconds
const NAMES = {
  change: "The change",
  evidence: "Evidence",
  cost: "Cost",
  matrix: "Drafts and tests",
  time: "Time",
  drafts: "Each draft",
  notes: "Notes",
};

/** Parts are drawn again only if their key changed, so that what the user opened or stands on stays. */
class Page {
  constructor(element, options) {
    this.element = element;
    this.options = options;
    this.story = new Story();
    this.keys = new Map();
    this.cells = new Map();
    this.drafts = new Map();
    this.waiting = 0;
    this.place = Object.fromEntries(PLACES.map((name) => [name, h("div")]));
    this.title = h("h1", { class: "mono" });
    this.kind = h("p", { class: "dim" });
    this.place.links = h("nav", { "aria-label": "On this page" });
    this.said = h("p", { role: "status", class: "vh" });
    this.onClick = (event) => this.follow(event);
    this.onPrint = () => this.openAll();
    element.classList.add("flow-run");
    element.replaceChildren(
      h("a", { class: "skip", href: "#flow-main" }, "Skip to the result"),
      h("header", null, this.kind, this.title, this.place.links),
      h("main", { id: "flow-main", tabindex: -1 }, PLACES.map((name) => this.place[name]), this.said),
      h("footer", null, h("p", { class: "dim" }, PROOF)),
    );
    element.addEventListener("click", this.onClick);
    globalThis.addEventListener?.("beforeprint", this.onPrint);
  }

  take(events) {
    let news = false;
    for (const event of events) news = this.story.add(event) || news;
    return news;
  }

  /** Draw soon, once for many events: by a timer, since a page that nobody sees has no frames. */
  later() {
    this.waiting ||= setTimeout(() => this.draw(), DRAWN_AFTER);
  }

  draw() {
    this.waiting = 0;
    const { story, options } = this;
    const ended = Boolean(story.finished);
    this.head();
    this.part("change", story.diff, () => changeSection(story));
    this.part("evidence", ended, () => evidenceSection(story));
    this.part("cost", ended ? "end" : story.now.toFixed(1), () => costSection(story, options.prices));
    this.matrix();
    this.part("time", ended ? "end" : `${story.now.toFixed(1)}|${story.stages.length}`, () => this.time());
    this.eachDraft();
    this.part("notes", story.notes.length, () => notesSection(story));
    this.part("facts", "", () => factsSection(options.facts));
    this.navigation();
  }

  part(name, key, make) {
    if (this.keys.get(name) === key) return;
    this.keys.set(name, key);
    const made = make();
    this.place[name].replaceChildren(...(made ? [made] : []));
  }

  head() {
    const { story, options } = this;
    const target = story.started?.target;
    this.kind.textContent = `flowmill ${clean(story.started?.mode ?? "run")}`;
    this.title.textContent = clean(options.target ?? (target ? `${target.file}::${target.qualname}` : story.run));
    const found = verdict(story, options.live);
    const text = options.editor ? forEditor(found.text) : found.text;
    this.part("verdict", `${found.head}|${text}|${heldBack(story)}`, () => {
      const line = h("p", null, h("strong", null, `${found.head}:`), " ", clean(text));
      const held = heldBack(story) && h("p", null, h("strong", null, "Held back:"), " ", heldBack(story));
      return h("div", { class: `verdict ${found.tone}` }, line, held);
    });
    if (options.live) this.announce(`${found.head}: ${text}`);
  }

  announce(text) {
    if (this.said.textContent !== text) this.said.textContent = text;
  }

  /** A table of the same shape is kept, and only the cells that changed are drawn. */
  matrix() {
    const { story } = this;
    const { shown } = sorted(story);
    const key = JSON.stringify([shown.length, story.columns.length, story.best, story.rows.map((row) => row.number)]);
    this.part("matrix", key, () => matrixSection(story, this.cells));
    for (const [name, known] of this.cells) {
      const result = known.draft.results.get(name.slice(name.indexOf("|") + 1));
      if (result === known.shown) continue;
      known.shown = result;
      fillCell(known.cell, known.draft, known.place, result);
    }
    for (const cell of this.place.matrix.querySelectorAll("td[data-score]")) {
      const words = scoreWords(story.drafts.get(Number(cell.dataset.score)));
      if (cell.textContent !== words) cell.textContent = words;
    }
  }

  /** The table below the axis stays open if it was. */
  time() {
    const open = this.place.time.querySelector("details")?.open ?? false;
    const made = timeSection(this.story);
    const table = made?.querySelector("details");
    if (table) table.open = open;
    return made;
  }

  eachDraft() {
    const { story } = this;
    const all = [...story.rows, ...story.unfinished];
    this.part("drafts", all.length > 0, () =>
      all.length
        ? h("section", { id: "drafts", "aria-labelledby": "drafts-h" }, h("h2", { id: "drafts-h" }, "Each draft"))
        : null,
    );
    const places = new Map(story.columns.map((id, place) => [id, place]));
    for (const draft of all) {
      let known = this.drafts.get(draft.number);
      if (!known) {
        known = { element: h("details", { id: `draft-${draft.number}` }), key: "" };
        const after = [...this.drafts.keys()].filter((number) => number > draft.number);
        const next = after.length ? this.drafts.get(Math.min(...after)).element : null;
        this.drafts.set(draft.number, known);
        this.place.drafts.firstChild.insertBefore(known.element, next);
      }
      const key = `${draft.changes}|${draft.number === story.best}|${notesOn(story, draft).length}`;
      if (known.key === key) continue;
      known.key = key;
      fillDraft(known.element, story, draft, places);
    }
  }

  navigation() {
    const names = Object.keys(NAMES).filter((name) => this.place[name].firstChild);
    this.part("links", names.join(), () =>
      h("ul", null, names.map((name) => h("li", null, h("a", { href: `#${name}` }, NAMES[name])))),
    );
  }

  /** A link into a closed draft opens it, and the keyboard goes on from there. */
  follow(event) {
    const link = event.target.closest?.("a[href^='#']");
    const wanted = link && this.element.querySelector(`#${CSS.escape(link.getAttribute("href").slice(1))}`);
    if (!wanted) return;
    event.preventDefault();
    const within = wanted.closest("details");
    if (within) within.open = true;
    wanted.scrollIntoView({ block: "nearest" });
    const focus = wanted.matches("details") ? wanted.querySelector("summary") : wanted;
    if (!focus.matches("summary, [tabindex]")) focus.setAttribute("tabindex", "-1");
    focus.focus();
  }

  openAll() {
    for (const details of this.element.querySelectorAll("details")) details.open = true;
  }

  destroy() {
    clearTimeout(this.waiting);
    this.element.removeEventListener("click", this.onClick);
    globalThis.removeEventListener?.("beforeprint", this.onPrint);
    this.element.replaceChildren();
    this.element.classList.remove("flow-run");
  }
}

/** Show a run in the element. What was in it stays if the events cannot be shown. */
export function mount(element, events, options = {}) {
  const page = new Page(h("div"), options);
  page.take(events);
  page.draw();
  const best = page.drafts.get(page.story.best);
  if (best) best.element.open = true;
  element.replaceChildren(page.element);
  return {
    update(more) {
      if (page.take(more)) page.later();
    },
    get finished() {
      return Boolean(page.story.finished);
    },
    destroy() {
      page.destroy();
      page.element.remove();
    },
  };
}
