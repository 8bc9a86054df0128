"""Refuses drafts that pass tests by other means than being right.

A draft may not name the test framework, reach into the interpreter or end the
process where the code around it did not, and may not answer the tests' own
literals one by one. It is a filter for honest verdicts, not a sandbox.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

TEST_FRAMEWORK = frozenset(
    {"pytest", "_pytest", "unittest", "pluggy", "PYTEST_CURRENT_TEST", "conftest", "doctest"}
)
MACHINERY = frozenset(
    {
        "_exit", "_getframe", "abort", "ctypes", "currentframe", "execv", "execve", "exit", "faulthandler", "fork",
        "forkpty", "gc", "get_objects", "get_referrers", "getouterframes", "kill", "killpg", "mprotect", "multiprocessing",
        "posix_spawn", "ptrace", "quit", "settrace", "setprofile", "set_trace", "signal", "socket", "stack", "subprocess",
        "system", "_current_frames", "f_back", "f_locals", "f_globals", "tb_frame", "gi_frame", "cr_frame",
    }
)  # fmt: skip
# Words of ordinary code too: suspicious only as `module.word`.
_ONLY_IN = {
    "stack": {"inspect"}, "kill": {"os"}, "fork": {"os"}, "system": {"os"}, "exit": {"sys", "os"}, "abort": {"os"},
}  # fmt: skip
_TRIVIAL = frozenset(
    {"", "0", "1", "-1", "2", "''", "True", "False", "None", "[]", "()", "{}", "0.0", "1.0", "b''"}
)


def refusal(draft: ast.AST, original: Iterable[ast.AST], tests: Iterable[str]) -> str:
    """Why the draft is not to be trusted, or an empty string.

    `original` are the trees whose names the draft may use freely (the function as it
    was and its module), `tests` the sources of the selected tests.
    """
    allowed = {word for tree in original for word in _words(tree)}
    for word in sorted(_words(draft) - allowed):
        if word in TEST_FRAMEWORK:
            return f"it names the test framework ({word})"
        if word in MACHINERY:
            return f"it reaches for {word}, which the code around it does not use"
    answers = special_cases(draft, _literals(tests))
    if len(answers) >= 2:
        return "it answers the tests' own values one by one: " + ", ".join(answers[:3])
    return ""


def _words(tree: ast.AST) -> set[str]:
    """Names, attributes, imported modules and identifier-like strings that occur in a tree."""
    words: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            if not (node.id in _ONLY_IN and node.id != "exit"):
                words.add(node.id)
        elif isinstance(node, ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else ""
            if node.attr not in _ONLY_IN or owner in _ONLY_IN[node.attr]:
                words.add(node.attr)
        elif isinstance(node, ast.alias):
            words.update(node.name.split("."))
        elif isinstance(node, ast.ImportFrom) and node.module:
            words.update(node.module.split("."))
        elif isinstance(node, ast.Constant) and node.value in TEST_FRAMEWORK:
            words.add(str(node.value))
    return words


def special_cases(draft: ast.AST, literals: frozenset[str]) -> list[str]:
    """`input -> answer` pairs that the draft spells out and the tests spell out too."""
    found: list[str] = []
    for node in ast.walk(draft):
        if isinstance(node, ast.If):
            inputs = [c for c in _compared(node.test) if c in literals | _TRIVIAL]
            answer = _returned(node.body)
            if answer and answer in literals | _TRIVIAL and _telling(inputs, answer):
                found.append(f"{', '.join(inputs)} -> {answer}")
        elif isinstance(node, ast.Dict):
            pairs = [
                (_literal(k), _literal(v))
                for k, v in zip(node.keys, node.values, strict=True)
                if k is not None
            ]
            telling = [
                f"{k} -> {v}" for k, v in pairs if k in literals - _TRIVIAL and v in literals - _TRIVIAL
            ]
            found += telling if len(telling) == len(pairs) else []
    return found


def _telling(inputs: list[str], answer: str) -> bool:
    """A base case compares one small value; a special case an odd one, or several at once."""
    if any(i not in _TRIVIAL for i in inputs):
        return True
    return len(inputs) > 1 and answer not in _TRIVIAL


def _compared(test: ast.expr) -> list[str]:
    """Literals that a condition compares something with by `==` or `in`; of a tuple, its elements."""
    sides = [
        side
        for node in ast.walk(test)
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Eq, ast.In))
        for side in (node.left, *node.comparators)
    ]
    parts = [part for side in sides for part in (side.elts if isinstance(side, ast.Tuple) else [side])]
    return [text for part in parts if (text := _literal(part))]


def _returned(body: list[ast.stmt]) -> str:
    first = body[0]
    return _literal(first.value) if isinstance(first, ast.Return) and first.value is not None else ""


def _literal(node: ast.expr) -> str:
    """The normalised text of a literal, or an empty string."""
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return ""
    return ast.unparse(node)


def _literals(tests: Iterable[str]) -> frozenset[str]:
    found: set[str] = set()
    for source in tests:
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError):
            continue
        found.update(text for n in ast.walk(tree) if isinstance(n, ast.expr) and (text := _literal(n)))
    return frozenset(found)
