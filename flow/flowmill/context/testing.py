"""The source of the selected tests, each with what it needs to be understood."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

from flowmill.context.excerpt import excerpt
from flowmill.context.shapes import Files, TestSource
from flowmill.context.snippets import class_line, names_in, whole
from flowmill.shapes import TestRef
from flowmill.source.function import Def, Function
from flowmill.source.text import SourceFile

SHORT = 15
"""Lines up to which a fixture, helper or constant is shown with the test that names it."""
_SETUP = frozenset({"setUp", "setup_method", "setUpClass", "setup_class", "asyncSetUp"})


def test_sources(
    root: Path, function: Function, tests: Sequence[TestRef], files: Files
) -> tuple[TestSource, ...]:
    """One source for each test function, those that name the function first, then the shortest."""
    found = [
        (rank, source)
        for test_id in dict.fromkeys(without_params(test.id) for test in tests if test.trust == "project")
        for rank, source in _source(root, function, test_id, files)
    ]
    return tuple(source for _, source in sorted(found, key=lambda one: (one[0], len(one[1].text))))


test_sources.__test__ = False  # pyright: ignore[reportFunctionMemberAccess]


def without_params(test_id: str) -> str:
    """A node id without the parameters in brackets that end it."""
    path, separator, rest = test_id.partition("::")
    return path + separator + rest.partition("[")[0]


def _source(root: Path, function: Function, test_id: str, files: Files) -> Iterable[tuple[int, TestSource]]:
    path, _, rest = test_id.partition("::")
    file = files.get(root / path)
    if file is None or not rest:
        return
    *classes, name = rest.split("::")
    chain = _class_chain(file, classes)
    holder = _holder(file, chain[-1], name) if chain else None
    node = _named(holder.body if holder else file.tree.body, name) if not classes or holder else None
    if node is not None:
        rank = 0 if _names_of(function) & names_in(node) else 1
        classes_of_it = list(dict.fromkeys(one for one in (holder, *chain[-1:]) if one))
        company = tuple(_company(root, file, node, classes_of_it, files))
        text, uncut = (
            "\n\n".join([*company, _in_class(classes_of_it, file, test)])
            for test in (excerpt(file, node, _names_of(function)), whole(file, node))
        )
        yield rank, TestSource(test_id, text, company, uncut)


def _names_of(function: Function) -> set[str]:
    if function.name.startswith("__") and function.classes:
        return {function.classes[-1]}
    return {function.name}


def _class_chain(file: SourceFile, names: list[str]) -> list[ast.ClassDef]:
    chain: list[ast.ClassDef] = []
    body = file.tree.body
    for name in names:
        found = next((node for node in body if isinstance(node, ast.ClassDef) and node.name == name), None)
        if found is None:
            return []
        chain.append(found)
        body = found.body
    return chain


def _holder(file: SourceFile, node: ast.ClassDef, name: str, depth: int = 4) -> ast.ClassDef | None:
    """The class that defines a test, which may be a base of the one that it is collected from."""
    if _named(node.body, name):
        return node
    bases = {base.id for base in node.bases if isinstance(base, ast.Name)}
    known = [other for other in file.tree.body if isinstance(other, ast.ClassDef) and other.name in bases]
    found = (_holder(file, base, name, depth - 1) for base in known if depth)
    return next((holder for holder in found if holder), None)


def _named(body: list[ast.stmt], name: str) -> Def | None:
    found = [
        node
        for node in body
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name
    ]
    return found[-1] if found else None


def _in_class(classes: list[ast.ClassDef], file: SourceFile, text: str) -> str:
    """The test's text; in its class, with the class's set-up.

    `classes` are the one that defines the test and the one that it is collected from.
    """
    if classes:
        members = [inner for one in classes for inner in one.body if isinstance(inner, ast.FunctionDef)]
        setups = [whole(file, inner) for inner in members if inner.name in _SETUP and _is_short(inner)]
        text = f"{class_line(classes[-1])}\n" + textwrap.indent("\n\n".join([*setups, text]), "    ")
    return text


def _company(
    root: Path, file: SourceFile, node: Def, classes: list[ast.ClassDef], files: Files
) -> Iterable[str]:
    """Short fixtures, helpers and constants that the test names, each once."""
    wanted = names_in(node) | {argument.arg for argument in node.args.args} | _fixtures_used(node)
    sources = [*((file, one.body) for one in reversed(classes)), (file, file.tree.body)]
    sources += [(conftest, conftest.tree.body) for conftest in _conftests(root, file.path, files)]
    shown: dict[str, str] = {}
    for source, body in sources:
        for other in body:
            names = _binds(other) & wanted - set(shown)
            if names and other is not node and _is_short(other):
                shown |= dict.fromkeys(names, whole(source, other))
    yield from dict.fromkeys(shown.values())


def _conftests(root: Path, path: Path, files: Files) -> list[SourceFile]:
    folders = [folder for folder in path.parents if folder.is_relative_to(root)]
    found = (files.get(folder / "conftest.py") for folder in folders)
    return [file for file in found if file]


def _fixtures_used(node: Def) -> set[str]:
    """Names in `@pytest.mark.usefixtures("name")`."""
    constants = (inner for decorator in node.decorator_list for inner in ast.walk(decorator))
    return {
        inner.value
        for inner in constants
        if isinstance(inner, ast.Constant)
        and isinstance(inner.value, str)
        and re.fullmatch(r"[a-z_]\w*", inner.value)
    }


def _binds(node: ast.stmt) -> set[str]:
    """What a definition or assignment binds; a test is nobody's helper."""
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return set() if node.name.startswith(("test", "Test")) else {node.name}
    if isinstance(node, (ast.Assign, ast.AnnAssign)):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return {target.id for target in targets if isinstance(target, ast.Name)}
    return set()


def _is_short(node: ast.stmt) -> bool:
    return (node.end_lineno or 0) - node.lineno < SHORT
