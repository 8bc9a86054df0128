/** The parts that need no editor. */

import assert from "node:assert/strict";
import test from "node:test";

import { compared, readFailure } from "../src/assertions";
import { SERVE, type Where, findServer } from "../src/finding";
import { answerCode, documented, follow, hunkLines, placed, spliced } from "../src/splice";
import { Story, score } from "../src/story";

const WHERE: Where = {
  serverPath: "",
  interpreter: "",
  selected: [],
  folders: ["/home/me/app"],
  installed: "/data/flowmill/server/1.2.3",
  env: { HOME: "/home/me", PATH: "/usr/bin:/opt/bin" },
  windows: false,
  exists: () => false,
};
const there = (...files: string[]): Where["exists"] => (file) => files.includes(file);

test("what the user set comes first, as it is", () => {
  const both = { ...WHERE, serverPath: "~/bin/flowmill", interpreter: "python3" };
  assert.deepEqual(findServer(both), { command: "/home/me/bin/flowmill", args: ["server"], by: "flowmill.serverPath" });
  const python = findServer({ ...WHERE, interpreter: "${workspaceFolder}/env/bin/python" });
  assert.deepEqual(python?.args, ["-c", SERVE]);
  assert.equal(python?.command, "/home/me/app/env/bin/python");
  assert.equal(findServer({ ...WHERE, interpreter: "env/bin/python" })?.command, "/home/me/app/env/bin/python");
  assert.equal(findServer({ ...WHERE, interpreter: "python3" })?.command, "python3");
});

test("then the selected environment, the workspace, the PATH, uv, pipx and what the extension installed", () => {
  const places = [
    "/conda/bin/flowmill",
    "/home/me/app/.venv/bin/flowmill",
    "/home/me/app/venv/bin/flowmill",
    "/opt/bin/flowmill",
    "/home/me/.local/bin/flowmill",
    "/home/me/.local/share/uv/tools/flowmill/bin/flowmill",
    "/home/me/.local/share/pipx/venvs/flowmill/bin/flowmill",
    "/home/me/.local/pipx/venvs/flowmill/bin/flowmill",
    "/data/flowmill/server/1.2.3/bin/flowmill",
  ];
  for (let from = 0; from < places.length; from++) {
    const where = { ...WHERE, selected: ["/conda/bin/python"], exists: there(...places.slice(from)) };
    assert.equal(findServer(where)?.command, places[from]);
  }
  assert.equal(findServer(WHERE), undefined);
});

test("the code of an answer as far as it came", () => {
  assert.equal(answerCode("Here:\n```python\ndef f():\n    ret"), "def f():\n    ret");
  assert.equal(answerCode("```python\ndef f():\n    pass\n``"), "def f():\n    pass");
  assert.equal(answerCode("```\ndef f(): ...\n```\nDone."), "def f(): ...");
  assert.equal(answerCode("def f(): ..."), "def f(): ...");
});

test("a draft at the function's depth", () => {
  assert.equal(placed("import x\n\n@y\ndef f():\n    a\n\n    b\n", "    "), "    @y\n    def f():\n        a\n\n        b");
  assert.equal(placed("    def f():\n        a", ""), "def f():\n    a");
  assert.equal(placed("I think", ""), "");
});

test("a draft that streams keeps the docstring", () => {
  const before = ["    @y", "    def f(a, b=':',  # :", "          c=(1, 2)) -> str:", '        """One.', "", "        Two.", '        """', "        ..."];
  const head = "    @y\n    def f(a, b=':', c=(1, 2)):";
  const told = before.slice(3, 7).join("\n");
  assert.equal(documented(`${head}\n        return a`, before), `${head}\n${told}\n        return a`);
  assert.equal(documented(`${head}\n        """Mine."""\n`, before), `${head}\n        """Mine."""\n`);
  assert.equal(documented(head, before), `${head}\n${told}`);
  for (const begun of ["", "    @y", "    def f(a, b="]) {
    assert.equal(documented(begun, before), begun);
  }
  assert.equal(documented("def f():\n    x", ["def f():", "    'It.'", "    ..."]), "def f():\n    'It.'\n    x");
  assert.equal(documented("def f():\n    x", ["def f():", "    ..."]), "def f():\n    x");
});

test("the function is followed to where it is now", () => {
  const before = "a\ndef f():\n    pass\nb\n";
  const span = { start: 1, end: 3 };
  assert.deepEqual(follow(before, span, `new\n${before}`), { start: 2, end: 4 });
  assert.equal(follow(before, span, before.replace("pass", "...")), undefined);
  assert.deepEqual(follow(before, span, before + before), span);
  assert.equal(spliced("a\r\nb\r\nc\r\n", { start: 1, end: 2 }, "x\ny"), "a\r\nx\r\ny\r\nc\r\n");
});

test("the hunks of a diff", () => {
  const diff = "--- a/x\n+++ b/x\n@@ -9,7 +9,8 @@\n x\n@@ -30 +31,2 @@\n y\n";
  assert.deepEqual(hunkLines(diff), [{ start: 8, end: 16 }, { start: 30, end: 32 }]);
});

test("what was expected and what came", () => {
  assert.deepEqual(compared("-1 == 3"), { actual: "-1", expected: "3" });
  assert.deepEqual(compared("f(a == b) == ['x == y']"), { actual: "f(a == b)", expected: "['x == y']" });
  assert.deepEqual(compared("'it\\'s == ' == 'b'"), { actual: "'it\\'s == '", expected: "'b'" });
  assert.equal(compared("1 < 2"), undefined);
  assert.equal(compared("a == b == c"), undefined);
  const details = "test_x.py:7: in test_a\n    assert f(1) == 3\nx.py:2: in f\n    g()\nE   assert -1 == 3\nE    +  where -1 = f(1)";
  const failure = readFailure("AssertionError: assert -1 == 3", details, "test_x.py::test_a");
  assert.deepEqual(failure, { message: "AssertionError: assert -1 == 3", actual: "-1", expected: "3", file: "test_x.py", line: 6 });
  assert.deepEqual(readFailure("", "", "t.py::x"), { message: "Failed" });
});

test("a story joins what streams and knows the best", () => {
  const story = new Story();
  const head = { run: "r", seq: 0, t: 0 };
  story.add({ ...head, type: "draft.delta", draft: 1, text: "de" });
  story.add({ ...head, type: "draft.delta", draft: 1, text: "f" });
  assert.equal(story.events.length, 1);
  assert.equal(story.current?.streamed, "def");
  story.add({ ...head, type: "draft", draft: 1, origin: "model", parent: null, code: "def", diff: "" });
  const result = { ...head, type: "test", draft: 1, seconds: 0, message: "", details: "" } as const;
  story.add({ ...result, id: "a", outcome: "passed" });
  story.add({ ...result, id: "b", outcome: "skipped" });
  assert.equal(score(story.drafts.get(1)!, 4), "1/3");
  story.add({ ...head, type: "draft.scored", draft: 1, passed: 1, failed: 2, best: true });
  assert.deepEqual([story.best, story.made], [1, [1]]);
});
