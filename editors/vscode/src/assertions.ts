/** What pytest says of a failed test, read for a diff of what was expected and what came. Pure. */

export interface Failure {
  readonly message: string;
  readonly expected?: string;
  readonly actual?: string;
  /** The file as pytest names it, and the line from 0. */
  readonly file?: string;
  readonly line?: number;
}

const PLACE = /^(?<file>[^\s:][^:\n]*\.py):(?<line>\d+): /gm;

/** `test` is the test's node id: the innermost line of its own file is where it failed. */
export function readFailure(message: string, details: string, test: string): Failure {
  const file = test.split("::")[0] ?? "";
  const places = [...details.matchAll(PLACE)].filter((found) => found.groups?.["file"] === file);
  const line = Number(places.at(-1)?.groups?.["line"] ?? 0);
  const first = /^E\s+(?:AssertionError: )?assert (?<compared>.+)$/m.exec(details)?.groups?.["compared"];
  const sides = first === undefined ? undefined : compared(first);
  return { message: message || "Failed", ...sides, ...(line ? { file, line: line - 1 } : {}) };
}

/** The sides of the only `==` that is outside brackets and texts: by custom, what came and what was expected. */
export function compared(text: string): { actual: string; expected: string } | undefined {
  const places: number[] = [];
  let depth = 0;
  let quote = "";
  for (let at = 0; at < text.length; at++) {
    const letter = text.charAt(at);
    if (quote) {
      at += letter === "\\" ? 1 : 0;
      quote = letter === quote ? "" : quote;
    } else if (letter === '"' || letter === "'") {
      quote = letter;
    } else if ("([{".includes(letter)) {
      depth++;
    } else if (")]}".includes(letter)) {
      depth--;
    } else if (depth === 0 && text.startsWith(" == ", at)) {
      places.push(at);
    }
  }
  const at = places[0];
  if (places.length !== 1 || at === undefined || quote) {
    return undefined;
  }
  return { actual: text.slice(0, at).trim(), expected: text.slice(at + 4).trim() };
}
