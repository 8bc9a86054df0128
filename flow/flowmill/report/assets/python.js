// Diffs and Python code as coloured lines: `[class, text]` tokens, never markup.

const KEYWORDS = new Set(
  ("and as assert async await break case class continue def del elif else except finally for from global if import in is " +
    "lambda match nonlocal not or pass raise return try while with yield").split(" "),
);
const CONSTANTS = new Set(["None", "True", "False", "self", "cls"]);
const TOKEN =
  /(#[^\n]*)|((?:[rbfuRBFU]{1,2})?(?:"""(?:[^\\]|\\[\s\S])*?(?:"""|$(?![\s\S]))|'''(?:[^\\]|\\[\s\S])*?(?:'''|$(?![\s\S]))|"(?:[^"\\\n]|\\.)*"?|'(?:[^'\\\n]|\\.)*'?))|(\d[\w.]*)|([\p{L}_][\p{L}\p{N}_]*)|(\s+|[^])/gu;

/** The code's lines, each a list of tokens. A docstring that the text begins within is not known for one. */
export function pythonLines(code) {
  const lines = [[]];
  let before = "";
  for (const found of code.matchAll(TOKEN)) {
    const kind = tokenKind(found, before);
    found[0].split("\n").forEach((piece, number) => {
      if (number) lines.push([]);
      if (piece) lines.at(-1).push([kind, piece]);
    });
    if (found[4]) before = found[4];
    else if (!/^\s+$/.test(found[0])) before = "";
  }
  return lines;
}

function tokenKind(found, before) {
  if (found[1]) return "c";
  if (found[2]) return "s";
  if (found[3]) return "m";
  if (!found[4]) return "";
  if (before === "def" || before === "class") return "nf";
  if (KEYWORDS.has(found[4])) return "k";
  return CONSTANTS.has(found[4]) ? "kc" : "";
}

/** The lines of a unified diff with their side: head, hunk, same, new or old. */
export function diffLines(diff) {
  const lines = diff.split("\n");
  if (diff.endsWith("\n")) lines.pop();
  const sides = { "+": "new", "-": "old" };
  let inside = false;
  return lines.map((line) => {
    inside ||= line.startsWith("@@");
    if (line.startsWith("@@")) return { side: "hunk", mark: "", text: line };
    if (!inside || line.startsWith("\\")) return { side: "head", mark: "", text: line };
    const side = sides[line[0]] ?? "same";
    return { side, mark: side === "same" ? " " : line[0], text: line.slice(1) };
  });
}

/** The same lines with `tokens`, each side coloured as the code that it is. */
export function colouredDiff(diff) {
  const lines = diffLines(diff);
  const side = (name) => pythonLines(lines.filter((l) => l.side === "same" || l.side === name).map((l) => l.text).join("\n"));
  const [fresh, old] = [side("new"), side("old")];
  let [atFresh, atOld] = [0, 0];
  for (const line of lines) {
    if (line.side === "same" || line.side === "new") line.tokens = fresh[atFresh] ?? [];
    else if (line.side === "old") line.tokens = old[atOld] ?? [];
    else line.tokens = [["", line.text]];
    atFresh += line.side === "same" || line.side === "new" ? 1 : 0;
    atOld += line.side === "same" || line.side === "old" ? 1 : 0;
  }
  return lines;
}
