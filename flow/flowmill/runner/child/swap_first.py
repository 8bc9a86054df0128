"""Executes what a draft needs before it runs: new imports, then new definitions."""

from __future__ import annotations

import ast
import types
import warnings
from collections.abc import Iterator
from typing import Any

from .swap_code import FUTURE, Refusal

Globals = dict[str, Any]
_OWN = ("__builtins__", "__file__", "__loader__", "__name__", "__package__", "__path__", "__spec__")


def run_imports(statements: list[str], home: Globals, like: types.CodeType) -> None:
    """Execute import statements as the module's own; a name that means something else there is refused."""
    if not statements:
        return
    names: Globals = {name: home[name] for name in _OWN if name in home}
    _execute("\n".join(statements), 1, names, like)
    for name in names.keys() - set(_OWN):
        if name in home and home[name] is not names[name]:
            raise Refusal(f"it imports {name}, which is something else in the module")
        home[name] = names[name]


def run_helpers(helpers: list[dict[str, Any]], home: Globals, like: types.CodeType) -> None:
    """Execute new definitions in the module, in their order."""
    for helper in helpers:
        for name in _defined(helper["text"]):
            if name in home:
                raise Refusal(f"it defines {name}, which the module has already")
        _execute(helper["text"], helper["at"], home, like)


def _defined(text: str) -> Iterator[str]:
    for node in ast.parse(text).body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name
        else:
            targets = [*getattr(node, "targets", []), getattr(node, "target", None)]
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def _execute(text: str, at: int, names: Globals, like: types.CodeType) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.increment_lineno(ast.parse(text), at - 1)
        code: types.CodeType = compile(
            tree, like.co_filename, "exec", flags=like.co_flags & FUTURE, dont_inherit=True
        )
    try:
        exec(code, names)
    except (Exception, SystemExit) as error:
        what = text.strip().partition("\n")[0]
        raise Refusal(f"{what!r} raised {type(error).__name__}: {error}") from error
