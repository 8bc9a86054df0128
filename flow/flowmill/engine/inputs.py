"""Inputs that tell drafts apart: the calls that tests spell out, and small variations of them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from itertools import chain, zip_longest
from typing import Any, cast

from flowmill.engine.reply import parse

MOST = 40
LONGEST = 300
"""Characters of one call: what is longer is no small case."""


def varied_calls(name: str, sources: Iterable[str]) -> tuple[str, ...]:
    """Calls of `name` as source, arguments only (`3, by=[1]`): those in the sources, then variations of each.

    Only calls whose arguments are all literals are understood.
    """
    spelt = list(dict.fromkeys(chain.from_iterable(_calls(name, source) for source in sources)))
    variations = [list(_variations(call)) for call in spelt]
    # One of each call in turn, so that no call's variations crowd out the others'.
    turns = (one for row in zip_longest(*variations) for one in row if one is not None)
    found = dict.fromkeys(chain(spelt, turns))
    return tuple(call for call in found if len(call) <= LONGEST)[:MOST]


def _calls(name: str, source: str) -> Iterator[str]:
    tree = parse(source)
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.Call) and _called(node) == name:
            arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
            if arguments and all(_is_literal(argument) for argument in arguments):
                yield _spelt(node.args, node.keywords)


def _called(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return not isinstance(node, ast.Starred)


def _spelt(arguments: Iterable[ast.expr], keywords: Iterable[ast.keyword]) -> str:
    named = (f"{keyword.arg}={ast.unparse(keyword.value)}" for keyword in keywords)
    return ", ".join([*map(ast.unparse, arguments), *named])


def _variations(call: str) -> Iterator[str]:
    """The call with one argument varied at a time."""
    node = ast.parse(f"f({call})", mode="eval").body
    assert isinstance(node, ast.Call)
    for place, argument in enumerate(node.args):
        for value in variants(ast.literal_eval(argument)):
            spelt = [ast.unparse(other) for other in node.args]
            spelt[place] = repr(value)
            named = [f"{keyword.arg}={ast.unparse(keyword.value)}" for keyword in node.keywords]
            yield ", ".join([*spelt, *named])


def variants(value: Any) -> list[Any]:
    """Values of the same kind: smaller, larger, turned round, empty."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value - 1, 2 * value + 3, -value, 0]
    if isinstance(value, float):
        return [value + 1, value / 2, -value, 0.0]
    if isinstance(value, (str, bytes)):
        return [*_parts(value), value.upper()]
    if isinstance(value, (list, tuple)):
        return _sequences(value)
    if isinstance(value, dict):
        pairs = cast("dict[object, object]", value)
        return [dict(list(pairs.items())[1:]), {}]
    return []


def _sequences(value: Any) -> list[Any]:
    first = variants(value[0])[:2] if value else []
    return [*_parts(value), *(type(value)([varied, *value[1:]]) for varied in first)]


def _parts(value: Any) -> list[Any]:
    return [value[::-1], value + value, value[1:], value[:-1], value[:1], value[:0]]
