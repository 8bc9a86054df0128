"""Refuses drafts that pass tests by other means than being right.

A draft may not name the test framework, reach into the interpreter or end the
process where the code around it did not, and may not answer the tests' own
literals one by one. It is a filter for honest verdicts, not a sandbox.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable

from flowmill.engine.machinery import (
    BUILTINS,
    FAKED,
    MODULES,
    NAMES,
    ONLY_IN,
    REDIRECTED,
    TEST_FRAMEWORK,
)
from flowmill.source.text import parse

_PRIVATE_PLACE = re.compile(r"^(/proc(/|$)|/dev/(fd|k?mem)|/sys/)|^(\S*/)?(test_\w*|\w+_test|conftest)\.py$")
_BY_NAME = frozenset({"getattr", "setattr", "delattr", "hasattr", "attrgetter", "methodcaller"})
_TRIVIAL = frozenset(
    {"", "0", "1", "-1", "2", "''", "True", "False", "None", "[]", "()", "{}", "0.0", "1.0", "b''"}
)


def refusal(draft: ast.AST, original: Iterable[ast.AST], tests: Iterable[str]) -> str:
    """Why the draft is not to be trusted, or an empty string.

    `original` are the trees whose names the draft may use freely (the function as it
    was and its module), `tests` the sources of the selected tests.
    """
    originals = list(original)
    modules = {name for tree in (*originals, draft) for name in _imported(tree)}
    allowed = {word for tree in originals for word in _Words(tree, modules).found}
    found = _Words(draft, modules).found
    news = sorted(found.keys() - allowed, key=lambda word: (word not in TEST_FRAMEWORK, word))
    if news:
        return found[news[0]]
    answers = special_cases(draft, _literals(tests))
    if len(answers) >= 2:
        return "it answers the tests' own values one by one: " + ", ".join(answers[:3])
    return ""


def _imported(tree: ast.AST) -> set[str]:
    """The names that stand for modules."""
    imports = (node for node in ast.walk(tree) if isinstance(node, ast.Import))
    names = {alias.asname or alias.name.partition(".")[0] for node in imports for alias in node.names}
    return names | {name for name, real in _renamed(tree).items() if real in names}


def _renamed(tree: ast.AST) -> dict[str, str]:
    """What else a module or a value is called, by `import ... as` and by plain assignment."""
    really: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            really |= {alias.asname: alias.name for alias in node.names if alias.asname}
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
            really |= {target.id: node.value.id for target in node.targets if isinstance(target, ast.Name)}
    return really


class _Words:
    """What a tree names that a function has no use for, each with the reason to refuse it."""

    def __init__(self, tree: ast.AST, modules: set[str]) -> None:
        self.found: dict[str, str] = {}
        self._modules = modules
        self._really = _renamed(tree)
        self._looked_up = {
            id(arg)
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and _last(node.func) in ("getattr", "hasattr")
            for arg in node.args
        }
        for node in ast.walk(tree):
            self._look(node)
            if id(node) not in self._looked_up and (text := _folded(node)):
                self._text(text)

    def _look(self, node: ast.AST) -> None:
        match node:
            case ast.Name(id=name, ctx=ctx):
                if isinstance(ctx, ast.Store):
                    self._faked(name)
                if name in NAMES or name in BUILTINS:
                    self._reach(name)
                self._framework(name)
            case ast.Attribute(value=owner, attr=attr, ctx=ctx):
                self._attribute(_last(owner), attr, stored=not isinstance(ctx, ast.Load))
            case ast.Import(names=names):
                for alias in names:
                    self._module(alias.name)
            case ast.ImportFrom(module=str() as module, names=names, level=0):
                self._module(module)
                known = module.partition(".")[0] in sys.stdlib_module_names
                for alias in names:
                    self._attribute(module.rpartition(".")[2], alias.name, of_module=known)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                self._faked(name)
            case ast.Call():
                self._call(node)
            case _:
                pass

    def _reach(self, word: str) -> None:
        self.found[word] = f"it reaches for {word}, which the code around it does not use"

    def _framework(self, word: str) -> None:
        if word in TEST_FRAMEWORK:
            self.found[word] = f"it names the test framework ({word})"

    def _faked(self, name: str) -> None:
        if name in FAKED:
            self.found[name] = f"it defines {name}, which decides what a comparison says"

    def _module(self, path: str) -> None:
        for part in path.split("."):
            self._framework(part)
        if path.partition(".")[0] in MODULES:
            self._reach(path.partition(".")[0])

    def _attribute(self, owner: str, attr: str, *, stored: bool = False, of_module: bool = False) -> None:
        owner = self._really.get(owner, owner).rpartition(".")[2]
        self._framework(attr)
        if attr in NAMES or owner in ONLY_IN.get(attr, ()):
            self._reach(attr)
        if attr in MODULES and (of_module or owner in self._modules):
            self._reach(attr)
        if stored:
            self._faked(attr)
        if stored and owner in self._modules and attr not in REDIRECTED:
            self.found[f"{owner}.{attr}"] = f"it changes the module {owner} ({owner}.{attr})"

    def _call(self, node: ast.Call) -> None:
        called = _last(node.func)
        if called in _BY_NAME and node.args:
            name = _folded(node.args[min(1, len(node.args) - 1)])
            self._attribute(_last(node.args[0]), name, stored=called == "setattr")
        if called == "vars" and node.args and _last(node.args[0]) in self._modules:
            self._reach(f"vars({_last(node.args[0])})")
        if called == "eval" and isinstance(node.func, ast.Name):
            self._evaluated(node)

    def _evaluated(self, node: ast.Call) -> None:
        """Evaluating a text that the draft spells out hides what it says."""
        if not node.args or _folded(node.args[0]):
            self._reach("eval")

    def _text(self, text: str) -> None:
        self._framework(text)
        if text in FAKED or (text in NAMES and text.startswith("_")):
            self._reach(text)
        if "\n" not in text and _PRIVATE_PLACE.search(text):
            self.found[text] = f"it names {text}, a file that is no business of its"


def _last(node: ast.AST) -> str:
    """The last identifier of `a.b.c`, an empty string for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def _folded(node: ast.AST) -> str:
    """The text that an expression of mere texts makes, an empty string for any other expression."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            parts = (_folded(left), _folded(right))
            return "".join(parts) if all(parts) else ""
        case ast.JoinedStr(values=values):
            parts = [_folded(v.value if isinstance(v, ast.FormattedValue) else v) for v in values]
            return "".join(parts) if all(parts) else ""
        case ast.Call(
            func=ast.Attribute(value=glue, attr="join"), args=[ast.List(elts=parts) | ast.Tuple(elts=parts)]
        ):
            texts = [_folded(part) for part in parts]
            between = glue.value if isinstance(glue, ast.Constant) and isinstance(glue.value, str) else ""
            return between.join(texts) if all(texts) else ""
        case _:
            return ""


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
    """Literals that a condition compares something with by `==` or `in`; of a pair, its elements.

    Three and more behind an `in` are a class of values, and no test's own.
    """
    sides = [
        side
        for node in ast.walk(test)
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], (ast.Eq, ast.In))
        for side in (node.left, *node.comparators)
        if not (isinstance(node.ops[0], ast.In) and isinstance(side, ast.Tuple) and len(side.elts) > 2)
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
            tree = parse(source)
        except (SyntaxError, ValueError):
            continue
        found.update(text for n in ast.walk(tree) if isinstance(n, ast.expr) and (text := _literal(n)))
    return frozenset(found)
