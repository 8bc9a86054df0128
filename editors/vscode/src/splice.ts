/** Where a draft stands in the user's text, and which hunk of a change a line belongs to. Pure. */

const FENCE = /^\s*(```|~~~)/;

/** The code of a model's answer as far as it came: what is between the fences, or all of it. */
export function answerCode(streamed: string): string {
  const lines = streamed.split("\n");
  const open = lines.findIndex((line) => FENCE.test(line));
  if (open < 0) {
    return streamed;
  }
  const close = lines.findIndex((line, at) => at > open && FENCE.test(line));
  // The last line may be the beginning of the closing fence.
  const inside = lines.slice(open + 1, close < 0 ? lines.length : close);
  const last = inside.at(-1);
  return (close < 0 && last !== undefined && /^\s*`{1,2}$/.test(last) ? inside.slice(0, -1) : inside).join("\n");
}

/** Code that a model wrote, moved to the function's depth; what comes before its `def` or decorator is left out. */
export function placed(code: string, indent: string): string {
  const lines = code.split("\n");
  const first = lines.findIndex((line) => /^\s*(@|def\b|async\b)/.test(line));
  if (first < 0) {
    return "";
  }
  const own = /^\s*/.exec(lines[first] ?? "")?.[0] ?? "";
  const moved = lines.slice(first).map((line) => {
    const rest = line.startsWith(own) ? line.slice(own.length) : line.trimStart();
    return rest ? indent + rest : "";
  });
  while (moved.length && !moved.at(-1)) {
    moved.pop();
  }
  return moved.join("\n");
}

/** The code with the docstring of the function that it is for, unless it has one: a draft keeps the user's. */
export function documented(code: string, before: readonly string[]): string {
  const lines = code.split("\n");
  const at = bodyAt(lines);
  const from = bodyAt(before);
  if (at === undefined || from === undefined || /^\s*[rRuU]?["']/.test(lines[at] ?? "")) {
    return code;
  }
  const quotes = /^\s*[rRuU]?("""|'''|"|')/.exec(before[from] ?? "")?.[1];
  if (quotes === undefined) {
    return code;
  }
  const ends = (line: string, n: number): boolean => line.trimEnd().endsWith(quotes) && (n > from || line.trim().length > quotes.length + 1);
  const to = before.findIndex((line, n) => n >= from && ends(line, n));
  return to < 0 ? code : [...lines.slice(0, at), ...before.slice(from, to + 1), ...lines.slice(at)].join("\n");
}

/** The line after a whole signature; undefined if it is not there yet, or has the body beside it. */
function bodyAt(lines: readonly string[]): number | undefined {
  let depth = 0;
  for (let n = Math.max(0, lines.findIndex((line) => /^\s*(async\s+)?def\b/.test(line))); n < lines.length; n++) {
    const line = (lines[n] ?? "").replace(/"[^"]*"|'[^']*'/g, "").replace(/#.*/, "").trimEnd();
    depth += (line.match(/[([{]/g) ?? []).length - (line.match(/[)\]}]/g) ?? []).length;
    if (depth <= 0 && line.endsWith(":")) {
      return n + 1;
    }
  }
  return undefined;
}

export interface Lines {
  /** From 0; the end does not belong to it. */
  readonly start: number;
  readonly end: number;
}

/** Where the function's lines of `before` are in `now`; undefined if they are not there any more. */
export function follow(before: string, span: Lines, now: string): Lines | undefined {
  const old = before.split(/\r?\n/).slice(span.start, span.end);
  const lines = now.split(/\r?\n/);
  const fits = (at: number): boolean => old.every((line, i) => lines[at + i] === line);
  const places = lines.map((_, at) => at).filter((at) => lines[at] === old[0] && fits(at));
  const near = places.sort((a, b) => Math.abs(a - span.start) - Math.abs(b - span.start))[0];
  return near === undefined ? undefined : { start: near, end: near + old.length };
}

/** The text with other code on those lines, in the text's own newlines. */
export function spliced(text: string, at: Lines, code: string): string {
  const newline = text.includes("\r\n") ? "\r\n" : "\n";
  const lines = text.split(/\r?\n/);
  lines.splice(at.start, at.end - at.start, ...code.split("\n"));
  return lines.join(newline);
}

/** The lines that each hunk of a unified diff has in the text after it, from 0. */
export function hunkLines(diff: string): Lines[] {
  const heads = diff.matchAll(/^@@ -\d+(?:,\d+)? \+(\d+)(?:,(\d+))? @@/gm);
  return [...heads].map((head) => {
    const start = Number(head[1]) - 1;
    return { start, end: start + Number(head[2] ?? 1) };
  });
}
