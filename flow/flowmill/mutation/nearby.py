"""What the module around a function offers to its mutations."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from flowmill.context.waiting import waiting
from flowmill.shapes import TestResult
from flowmill.source.functions import Function
from flowmill.source.imports import module_names
from flowmill.source.text import SourceFile

DONORS = 40
_NOT_RAISED = re.compile(r"DID NOT RAISE (?:<class ')?([\w.]+)|([\w.]+) not raised")
_RAISES = re.compile(
    r"""[rR]aises(?:Regex)?\(\s*([\w.]+)(?:,\s*(?:match\s*=\s*)?r?(["'])((?:(?!\2).)*)\2)?"""
)
_RAISED = re.compile(r"(\w+)(?::|$)")
_TRANSLATED = frozenset(
    {
        "TypeError",
        "ValueError",
        "KeyError",
        "IndexError",
        "AttributeError",
        "StopIteration",
        "ZeroDivisionError",
    }
    | {"LookupError", "OverflowError", "RuntimeError", "OSError", "UnicodeDecodeError", "UnicodeEncodeError"}
)
"""Exceptions that a function may turn into one of its own; a wrong name or a failed assertion is none."""
_CAUGHT_AS = re.compile(r"[^\n]*?\bas\s+(\w+)\s*:")
_ASKED = r"""(["'])((?:(?!\1).)+)\1\s+in\s+(?:str|repr)\(\s*{name}\b"""
_PLAIN = re.compile(r"[\w ,:;=!<>/-]*")


@dataclass(frozen=True, slots=True)
class Nearby:
    """Names and code around the function.

    `functions` are those of the module with the number of arguments they take at most,
    `constants` names of the module bound to a plain value, `attributes` what the
    function's class calls its own. `checks` are tests of `if` statements of other
    functions that leave at once, with what they then do; `wanted` are exceptions
    that failing tests wait for, with the words that they ask for, "" if any will do;
    `instead` are built-in exceptions that such a test ended with; `waiting` are functions of the
    module, or methods of the class as they are called there, that nothing uses yet; `messages`
    are those of the failures, each once.
    """

    name: str = ""
    params: tuple[str, ...] = ()
    functions: tuple[tuple[str, int], ...] = ()
    constants: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    checks: tuple[tuple[str, str], ...] = ()
    classes: tuple[str, ...] = ()
    bound: frozenset[str] = frozenset()
    wanted: tuple[tuple[str, str], ...] = ()
    instead: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()


def look_around(
    file: SourceFile,
    function: Function,
    failures: Iterable[TestResult] = (),
    sources: Mapping[str, str] | None = None,
) -> Nearby:
    """Read the module once; what comes from the function's own class stands first.

    `sources` are those of tests, by their ids.
    """
    tree = file.tree
    owner = _owner(tree, function.classes)
    failures = tuple(failures)
    return Nearby(
        name=function.name,
        params=function.params,
        functions=tuple(_functions(tree)),
        constants=tuple(_constants(tree)),
        attributes=tuple(dict.fromkeys(_attributes(owner))) if owner else (),
        checks=tuple(dict.fromkeys(_checks(tree, owner, function)))[:DONORS],
        classes=tuple(dict.fromkeys([*function.classes[-1:], *_classes(tree)])),
        bound=frozenset(module_names(tree)),
        wanted=wanted_exceptions(failures, sources or {}),
        instead=_raised_instead(failures, sources or {}),
        waiting=tuple(_waiting(file, function, owner)),
        messages=tuple(dict.fromkeys(failure.message for failure in failures)),
    )


def wanted_exceptions(
    failures: Iterable[TestResult], sources: Mapping[str, str]
) -> tuple[tuple[str, str], ...]:
    """Exceptions that were not raised, as the reports say, and those that the failing tests speak of."""
    missed: dict[tuple[str, str], None] = {}
    spoken: dict[tuple[str, str], None] = {}
    for failure in failures:
        source = sources.get(failure.id, "")
        for raises in _RAISES.finditer(source):
            words = _plain(raises[3] or "") or _asked_later(source, raises.end())
            spoken[raises[1].rpartition(".")[2], words] = None
        for pair in _NOT_RAISED.findall(f"{failure.message}\n{failure.details}"):
            missed |= {(name.rpartition(".")[2], ""): None for name in pair if name}
    silent = [found for found in missed if found[0] not in {name for name, _ in spoken}]
    return (*spoken, *silent)


def _raised_instead(failures: Iterable[TestResult], sources: Mapping[str, str]) -> tuple[str, ...]:
    waiting = (failure for failure in failures if _RAISES.search(sources.get(failure.id, "")))
    named = (_RAISED.match(failure.message) for failure in waiting)
    return tuple(dict.fromkeys(found[1] for found in named if found and found[1] in _TRANSLATED))


def _asked_later(source: str, place: int) -> str:
    """The words that are looked for in `as caught`, after that place."""
    caught = _CAUGHT_AS.match(source, place)
    found = re.findall(_ASKED.format(name=caught[1]), source[place:]) if caught else []
    return " ".join(dict.fromkeys(words for _, words in found if _PLAIN.fullmatch(words)))


def _plain(pattern: str) -> str:
    """A text that the pattern matches, "" if that is not plain to see."""
    text = re.sub(r"^\^|\$$", "", re.sub(r"^\.\*|\.[*+]$", "", pattern)).replace("\\.", ".")
    return (
        text if _PLAIN.fullmatch(text.replace(".", "")) and "." not in pattern.replace("\\.", "")[:-2] else ""
    )


def _owner(tree: ast.Module, classes: tuple[str, ...]) -> ast.ClassDef | None:
    found: ast.ClassDef | None = None
    body: list[ast.stmt] = tree.body
    for name in classes:
        found = next((n for n in body if isinstance(n, ast.ClassDef) and n.name == name), None)
        if found is None:
            return None
        body = found.body
    return found


def _waiting(file: SourceFile, function: Function, owner: ast.ClassDef | None) -> Iterator[str]:
    """By their names, functions: what begins with a capital is a class, an exception or a constant."""
    members = {n.name for n in owner.body if isinstance(n, ast.FunctionDef)} if owner else set[str]()
    for name in waiting(file, function):
        if name in members and function.params:
            yield f"{function.params[0]}.{name}"
        elif name.lstrip("_")[:1].islower():
            yield name


def _functions(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            given = node.args
            yield node.name, 99 if given.vararg else len(given.posonlyargs) + len(given.args)


def _constants(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant()):
                yield name
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant()):
                yield name
            case _:
                pass


def _classes(tree: ast.Module) -> list[str]:
    return [node.name for node in tree.body if isinstance(node, ast.ClassDef)]


def _attributes(owner: ast.ClassDef) -> Iterator[str]:
    for node in ast.walk(owner):
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name):
                yield name
            case ast.FunctionDef(name=name) if not name.startswith("__"):
                yield name
            case _:
                pass


def _checks(tree: ast.Module, owner: ast.ClassDef | None, function: Function) -> Iterator[tuple[str, str]]:
    """`if` statements whose body only leaves, as the test's text and the body's; the class's own first."""
    for root in [owner, tree] if owner else [tree]:
        for node in ast.walk(root):
            if not isinstance(node, ast.If) or function.def_line <= node.lineno <= function.last_line:
                continue
            if len(node.body) == 1 and isinstance(node.body[0], (ast.Return, ast.Raise, ast.Continue)):
                test, leaves = ast.unparse(node.test), ast.unparse(node.body[0])
                if len(test) + len(leaves) <= 160:
                    yield test, leaves
