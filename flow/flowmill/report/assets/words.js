// What a run amounts to, in words. The same as words.py: a test compares what both say.

import { BASELINE } from "./story.js";

export const OUTCOMES = ["passed", "failed", "error", "timeout", "crashed", "skipped"];
export const OUTCOME_WORDS = {
  passed: "passed",
  failed: "failed",
  error: "error",
  timeout: "timed out",
  crashed: "crashed",
  skipped: "skipped",
};
export const GLYPHS = { passed: "✓", failed: "✗", error: "E", timeout: "T", crashed: "C", skipped: "s" };
export const PROOF = "Passing tests are evidence, not proof.";
const UNSEEN =
  /[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

/** Text from a model or a test: what cannot be seen, or reorders a line, is shown as an escape. */
export function clean(text) {
  return String(text ?? "")
    .replaceAll("\r\n", "\n")
    .replace(UNSEEN, (found) => {
      const code = found.charCodeAt(0);
      return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
    });
}

export const grouped = (number) => Number(number ?? 0).toLocaleString("en-US");
export const plural = (number, word) => `${grouped(number)} ${word}${number === 1 ? "" : "s"}`;

export function clock(seconds) {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 119.5) return `${seconds.toFixed(0)} s`;
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
}

export function counts(tally) {
  const parts = OUTCOMES.filter((name) => tally?.[name]).map((name) => `${tally[name]} ${OUTCOME_WORDS[name]}`);
  return parts.join(", ") || "no test ran";
}

export function draftWords(draft) {
  if (draft.number === BASELINE) return "";
  if (!draft.made) return "model";
  return draft.made.parent ? `${draft.made.origin}, from ${draft.made.parent}` : draft.made.origin;
}

export const passing = (draft) => [...draft.results.values()].filter((r) => r.outcome === "passed").length;

export function scoreWords(draft) {
  if (draft.scored) {
    const whole = draft.scored.passed + draft.scored.failed;
    return whole ? `${draft.scored.passed}/${whole}` : "-";
  }
  return draft.results.size ? `${passing(draft)}/${draft.results.size}` : "";
}

export const isBad = (outcome) => outcome !== "passed" && outcome !== "skipped";
export const faults = (draft) => [...draft.results.values()].filter((result) => isBad(result.outcome));
/** A node id without its folders. */
export const testName = (id) => String(id).slice(String(id).lastIndexOf("/") + 1);

export function heldBack(story) {
  const tally = story.finished?.evidence?.held_back ?? {};
  const whole = total(tally);
  return whole ? `tests the model never saw: ${tally.passed ?? 0}/${whole} passed` : "";
}

const total = (tally) => Object.values(tally ?? {}).reduce((sum, count) => sum + count, 0);
const notFine = (tally) => total(tally) - (tally?.passed ?? 0) - (tally?.skipped ?? 0);

/** How the run came out: `head` in a word or two, `text` the sentence after it, `tone` for its colour. */
export function verdict(story, live) {
  const end = story.finished;
  if (!end && live) return { head: "Working", text: soFar(story), tone: "middling" };
  if (!end) return { head: "Stopped", text: soFar(story), tone: "middling" };
  const words = {
    verified: ["Verified", verified, "good"],
    improved: ["Better, but not verified", improved, "middling"],
    unchanged: ["Unchanged", unchanged, "middling"],
    cancelled: ["Cancelled", soFar, "middling"],
  };
  const [head, text, tone] = words[end.status] ?? ["Not solved", failed, "bad"];
  return { head, text: text(story), tone };
}

function which(story, number) {
  const name = story.started?.target?.qualname ?? "the function";
  const [tests, reach] = number === 1 ? ["test", "reaches"] : ["tests", "reach"];
  return { given: `given ${tests}`, all: `${tests} of the project` }[story.how] ?? `${tests} that ${reach} \`${name}\``;
}

function verified(story) {
  const { before, after } = story.finished.evidence;
  const good = after.passed ?? 0;
  const subject =
    good === 1 ? `the ${which(story, 1)} passes` : `all ${good} ${which(story, good)} pass`;
  const bad = notFine(before) ? `; before, ${notFine(before)} did not` : "";
  const aside = after.skipped ? ` (${plural(after.skipped, "test")} skipped)` : "";
  return `${subject}${bad}${aside}. ${PROOF}`;
}

function improved(story) {
  const { before, after } = story.finished.evidence;
  if (!total(after))
    return "no test runs this function, so nothing shows that the draft is right. Read it before you use it.";
  if (!notFine(after))
    return `${counts(after)}, but no test that failed before shows the change is right. Read it before you use it.`;
  return `${after.passed ?? 0} of ${total(after)} tests pass; before, ${before.passed ?? 0} did.`;
}

function unchanged(story) {
  const { before } = story.finished.evidence;
  if (total(before) && !notFine(before)) return `nothing fails here (${counts(before)}).`;
  const state = total(before) ? ` (${counts(before)})` : "";
  return `no draft did better than the code as it stands${state}.`;
}

function failed(story) {
  const { before, after } = story.finished.evidence;
  const tally = total(after) ? after : before;
  if (!total(tally)) return "no draft could be judged by a test.";
  return `the best that was found: ${counts(tally)}. The limits are raised by --max-seconds and --max-calls.`;
}

function soFar(story) {
  const best = story.bestDraft;
  if (!best) return "there is no draft better than the code as it stands.";
  return `the best draft so far is number ${best.number}; ${scoreWords(best)} tests pass with it.`;
}

/** `--max-seconds` as an editor's user knows it: `maxSeconds`. */
export const forEditor = (text) =>
  text.replace(/(?<![\w-])--([a-z][a-z-]*)/g, (_, name) => name.replace(/-([a-z])/g, (_all, letter) => letter.toUpperCase()));

/** What the run cost, as pairs of a name and its words. `prices` are dollars per million tokens. */
export function cost(story, prices) {
  const end = story.finished;
  if (!end) return [["Time", clock(story.now)]];
  const { prompt = 0, cached = 0, completion = 0 } = end.tokens ?? {};
  const share = prompt && cached ? ` (${((100 * cached) / prompt).toFixed(0)} % cached)` : "";
  const s = end.seconds;
  const parts = `model ${s.model.toFixed(1)} s, tests ${s.tests.toFixed(1)} s, overhead ${s.overhead.toFixed(1)} s`;
  const found = [
    ["Time", `${clock(s.total)}: ${parts}`],
    ["Model calls", grouped(end.calls)],
    ["Tokens", `${grouped(prompt)} in${share}, ${grouped(completion)} out`],
  ];
  if (prices) {
    const fresh = prompt - cached;
    const sum = (fresh * prices.prompt + cached * prices.cached + completion * prices.completion) / 1e6;
    found.push(["Price", `$${sum.toFixed(4)}`]);
  }
  return found;
}
