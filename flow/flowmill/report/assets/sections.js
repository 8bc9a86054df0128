// The parts of a run's page, each made of the story as it stands. run.html.j2 writes the same without a script.

import { block, h, section, sign, svg, wide } from "./dom.js";
import { colouredDiff } from "./python.js";
import { BASELINE } from "./story.js";
import {
  clean,
  clock,
  cost,
  draftWords,
  faults,
  GLYPHS,
  isBad,
  OUTCOMES,
  OUTCOME_WORDS,
  passing,
  plural,
  scoreWords,
  testName,
} from "./words.js";

export const FEW = 30;
const MOST = 200;
const ROW = 34;

export function diffBlock(label, diff) {
  const tags = { new: "ins", old: "del" };
  const rows = colouredDiff(clean(diff)).map((line) => {
    const tokens = line.tokens.map(([kind, text]) => (kind ? h("span", { class: kind }, text) : text));
    return [h(tags[line.side] ?? "span", { class: `l ${line.side}` }, line.mark, tokens), "\n"];
  });
  return block(label, rows);
}

export function changeSection(story) {
  const body = story.diff
    ? diffBlock("The change as a unified diff", story.diff)
    : h("p", null, "None: the code stays as it is.");
  return section("change", "The change", body);
}

export function evidenceSection(story) {
  const evidence = story.finished?.evidence;
  if (!evidence) return null;
  const columns = [
    ["before", evidence.before],
    ["after", evidence.after],
    ["never shown to the model", evidence.held_back],
  ].filter(([, tally]) => Object.keys(tally ?? {}).length);
  if (!columns.length) return section("evidence", "Evidence", h("p", null, "No test ran."));
  const rows = OUTCOMES.filter((name) => columns.some(([, tally]) => tally[name]));
  const head = h("tr", null, h("th", { scope: "col" }, "tests"), columns.map(([name]) => h("th", { scope: "col" }, name)));
  const body = rows.map((name) =>
    h(
      "tr",
      null,
      h("th", { scope: "row" }, h("span", { class: name }, sign(`${GLYPHS[name]} `, ""), OUTCOME_WORDS[name])),
      columns.map(([, tally]) => h("td", null, String(tally[name] ?? 0))),
    ),
  );
  const caption = h("caption", { class: "vh" }, "How many tests ended how, before and after");
  return section("evidence", "Evidence", h("table", null, caption, h("thead", null, head), h("tbody", null, body)));
}

export function costSection(story, prices) {
  const list = cost(story, prices).map(([name, words]) => [h("dt", null, name), h("dd", null, words)]);
  return section("cost", "Cost", h("dl", null, list));
}

// ------------------------------------------------------------------ drafts and tests
/** The tests that get a row each, and those of which there is nothing more to say than their names. */
export function sorted(story) {
  const columns = story.columns;
  if (columns.length <= FEW) return { shown: columns, fine: [], left: 0 };
  const rows = story.rows;
  const bad = new Set();
  for (const row of rows) for (const fault of faults(row)) bad.add(fault.id);
  const shown = columns.filter((id) => bad.has(id));
  const fine = columns.filter((id) => !bad.has(id));
  return { shown: shown.slice(0, MOST), fine, left: Math.max(0, shown.length - MOST) };
}

/** What a cell of the matrix says: the same words for the same outcome are not drawn again. */
export function fillCell(cell, draft, place, result) {
  cell.className = result ? String(result.outcome) : "none";
  const signs = result
    ? sign(GLYPHS[result.outcome] ?? "?", OUTCOME_WORDS[result.outcome] ?? clean(result.outcome))
    : sign("·", "not run");
  const bad = result && isBad(result.outcome);
  if (bad) cell.title = clean(result.message);
  cell.replaceChildren(...(bad ? [h("a", { href: `#draft-${draft.number}-test-${place}` }, signs)] : signs));
}

export function matrixSection(story, cells) {
  const rows = story.rows;
  if (!rows.length) return null;
  const { shown, fine, left } = sorted(story);
  const places = new Map(story.columns.map((id, place) => [id, place]));
  cells.clear();
  const body = shown.map((id) =>
    h(
      "tr",
      null,
      h("th", { scope: "row", class: "mono", title: clean(id) }, clean(testName(id))),
      rows.map((row) => {
        const cell = h("td");
        fillCell(cell, row, places.get(id), row.results.get(id));
        cells.set(`${row.number}|${id}`, { cell, draft: row, place: places.get(id), shown: row.results.get(id) });
        return cell;
      }),
    ),
  );
  const foot = h("tr", null, h("th", { scope: "row" }, "passed"), rows.map((row) => h("td", { "data-score": row.number }, scoreWords(row))));
  const caption = h("caption", { class: "vh" }, "How each test went with the code as it is and with each draft");
  const head = h("tr", null, h("th", { scope: "col" }, "test"), rows.map((row) => columnHead(story, row)));
  const table = h("table", null, caption, h("thead", null, head), h("tbody", null, body), h("tfoot", null, foot));
  const legend = OUTCOMES.map((name) => `${GLYPHS[name]} ${OUTCOME_WORDS[name]}`).join(" · ");
  return section(
    "matrix",
    "Drafts and tests",
    wide("Drafts and tests", table),
    h("p", { class: "dim" }, legend),
    left ? h("p", null, `${plural(left, "test")} more failed somewhere: see each draft.`) : null,
    fine.length ? fineList(fine) : null,
  );
}

function columnHead(story, row) {
  if (row.number === BASELINE) return h("th", { scope: "col" }, "as it is");
  const best = row.number === story.best;
  return h(
    "th",
    { scope: "col", class: best && "best" },
    best ? sign("★", "best: ") : null,
    h("a", { href: `#draft-${row.number}` }, `draft ${row.number}`),
    h("br"),
    h("span", { class: "dim" }, draftWords(row)),
  );
}

function fineList(ids) {
  const names = ids.map((id) => h("li", { class: "mono" }, clean(id)));
  return h("details", null, h("summary", null, `${plural(ids.length, "test")} failed nowhere`), h("ul", null, names));
}

// ------------------------------------------------------------------ the time axis
export function spans(story) {
  const found = story.stages.map((s) => ({ name: clean(s.name), kind: "stage", from: s.started, to: s.ended ?? story.now }));
  for (const draft of story.rows.concat(story.unfinished)) {
    if (draft.number === BASELINE) continue;
    const written = draft.madeAt ?? draft.last;
    const kind = draft.deltas ? "model" : "made";
    found.push({ name: `draft ${draft.number}`, kind, from: draft.first, to: written });
    if (draft.results.size) found.push({ name: `draft ${draft.number}, tests`, kind: "tests", from: written, to: draft.last });
  }
  return found.sort((a, b) => a.from - b.from);
}

function ticks(seconds) {
  const steps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600];
  const step = steps.find((each) => seconds / each <= 6) ?? 7200;
  return Array.from({ length: Math.floor(seconds / step) + 1 }, (_, i) => Number((i * step).toFixed(1)));
}

const KINDS = { stage: "stage", model: "written by the model", made: "made without the model", tests: "tests" };

export function timeSection(story) {
  const bars = spans(story);
  if (!bars.length) return null;
  const whole = Math.max(story.now, 0.001);
  const at = (seconds) => `${((100 * seconds) / whole).toFixed(2)}%`;
  const height = bars.length * ROW + 22;
  const lines = ticks(story.now).map((t) => [
    svg("line", { class: "tick", x1: at(t), x2: at(t), y1: 0, y2: height - 18 }),
    svg("text", { class: "when", x: at(t), y: height - 4, "text-anchor": t / whole > 0.93 ? "end" : t ? "middle" : "start" }, `${t} s`),
  ]);
  const drawn = bars.map((bar, i) => {
    const late = bar.from / whole > 0.6;
    const label = { x: at(late ? bar.to : bar.from), y: i * ROW + 14, "text-anchor": late ? "end" : "start" };
    const width = `${Math.max(0.4, (100 * (bar.to - bar.from)) / whole).toFixed(2)}%`;
    return [
      svg("text", label, bar.name.length > 40 ? `${bar.name.slice(0, 39)}…` : bar.name),
      svg("rect", { class: bar.kind, x: at(bar.from), width, y: i * ROW + 19, height: 10, rx: 2 }),
    ];
  });
  const picture = svg("svg", { height, role: "img", "aria-label": "What went on when; the table below says the same" }, lines, drawn);
  const rows = bars.map((bar) =>
    h("tr", null, h("th", { scope: "row" }, bar.name), [KINDS[bar.kind], clock(bar.from), clock(bar.to)].map((text) => h("td", null, text))),
  );
  const head = h("tr", null, ["what", "kind", "from", "to"].map((text) => h("th", { scope: "col" }, text)));
  const table = h("table", null, h("caption", { class: "vh" }, "What went on when"), h("thead", null, head), h("tbody", null, rows));
  return section(
    "time",
    "Where the time went",
    h("div", { class: "axis" }, picture),
    h("p", { class: "dim" }, "Grey: stages. Blue: a draft as the model wrote it. Violet: a draft made without the model. Green: its tests."),
    h("details", null, h("summary", null, "The same as a table"), wide("What went on when, as a table", table)),
  );
}

// ------------------------------------------------------------------ each draft
/** The notes that are about that draft: why it is not run, or could not be confirmed. */
export const notesOn = (story, draft) =>
  story.notes.map((note) => String(note.text)).filter((text) => text.startsWith(`draft ${draft.number} `));

/** Fill a draft's `details`, whose being open or not stays as it is. */
export function fillDraft(element, story, draft, places) {
  const name = draft.number === BASELINE ? "The code as it is" : `Draft ${draft.number}`;
  const best = draft.number === story.best && draft.number !== BASELINE;
  const origin = draft.number === BASELINE ? "" : ` (${draftWords(draft)})`;
  const score = scoreWords(draft);
  const about = notesOn(story, draft);
  const begun = draft.made || draft.results.size || draft.scored;
  const state = !begun ? `: ${about.length ? "not run" : "not finished"}` : score ? `: ${score} passed` : ": not tested";
  const title = h("h3", null, best ? sign("★ ", "Best: ") : null, name, h("span", { class: "dim" }, origin), state);
  const summary = element.querySelector(":scope > summary") ?? h("summary");
  summary.replaceChildren(title);
  const parts = about.map((text) => h("p", null, clean(text)));
  if (draft.made?.diff) parts.push(diffBlock(`${name} as a unified diff`, draft.made.diff));
  else if (!draft.made && draft.streamed) parts.push(block(`${name} as far as it was written`, clean(draft.streamed)));
  if (passing(draft)) parts.push(h("p", null, `${plural(passing(draft), "test")} passed with it.`));
  for (const fault of faults(draft)) parts.push(faultBlock(draft, fault, places.get(fault.id)));
  element.replaceChildren(summary, ...parts);
}

function faultBlock(draft, fault, place) {
  const word = OUTCOME_WORDS[fault.outcome] ?? clean(fault.outcome);
  const head = h(
    "p",
    null,
    h("span", { class: String(fault.outcome) }, sign(`${GLYPHS[fault.outcome] ?? "?"} `, ""), word),
    " ",
    h("span", { class: "mono" }, clean(fault.id)),
    fault.message ? [h("br"), clean(fault.message)] : null,
  );
  const label = `Details of ${clean(testName(fault.id))}`;
  return h("div", { class: "fault", id: `draft-${draft.number}-test-${place}`, tabindex: -1 }, head, fault.details ? block(label, clean(fault.details)) : null);
}

// ------------------------------------------------------------------ the rest
export function notesSection(story) {
  if (!story.notes.length) return null;
  const items = story.notes.map((note) =>
    h("li", null, note.level === "warning" ? [h("strong", null, "Warning:"), " "] : null, clean(note.text)),
  );
  return section("notes", "Notes", h("ul", null, items));
}

export function factsSection(facts) {
  const pairs = Object.entries(facts ?? {});
  if (!pairs.length) return null;
  return section("facts", "The run", h("dl", null, pairs.map(([name, value]) => [h("dt", null, clean(name)), h("dd", null, clean(value))])));
}
