"""Long tests, cut to what they say of one function."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

from flowmill.context.excerpt import LONG, MOST, excerpt
from flowmill.source.text import SourceFile


def cut(test: str) -> str:
    file = SourceFile.from_bytes(Path("test_it.py"), textwrap.dedent(test).encode())
    node = file.tree.body[0]
    assert isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    return excerpt(file, node, {"wanted"})


def numbered(count: int) -> str:
    return "".join(f"    other({n})\n" for n in range(count))


def test_a_short_one_is_whole() -> None:
    test = "def test():\n    other()\n    assert wanted(1) == 2\n    last()"
    assert cut(test) == test


def test_what_it_needs_and_what_is_asked_of_it_stay() -> None:
    test = (
        f"def test(tmp_path):\n    one = 1\n{numbered(LONG)}    two = one + 1\n    three = 3\n"
        f"    result = wanted(two)\n    three += 1\n    assert result == 2\n    result = 5\n    assert result\n"
    )
    assert cut(test) == textwrap.dedent(
        """\
        def test(tmp_path):
            one = 1
            ...
            two = one + 1
            ...
            result = wanted(two)
            ...
            assert result == 2
            ..."""
    )


def test_the_first_of_many_stay() -> None:
    calls = "".join(f"    assert wanted({n}) == {n}\n" for n in range(3 * LONG))
    lines = cut(f"async def test():\n{calls}").split("\n")
    assert lines[:2] == ["async def test():", "    assert wanted(0) == 0"]
    assert len(lines) == MOST + 2
    assert lines[-1] == "    ..."


def test_one_long_statement_is_cut_too() -> None:
    inner = "".join(f"        wanted({n})\n" for n in range(3 * LONG))
    lines = cut(f"def test():\n    with it:\n{inner}").split("\n")
    assert len(lines) == MOST + 2
    assert lines[-1] == "    ..."


def test_what_is_changed_on_the_way_stays() -> None:
    test = (
        f"def test():\n    one = {{}}\n    two = 1\n    three = []\n{numbered(LONG)}    one['k'] = 5\n"
        "    two += 3\n    three.append(1)\n    three.append(2)\n    if two:\n        two = 5\n"
        "    wanted(one, two, three)\n"
    )
    assert cut(test) == textwrap.dedent(
        """\
        def test():
            one = {}
            two = 1
            three = []
            ...
            one['k'] = 5
            two += 3
            ...
            three.append(2)
            if two:
                two = 5
            wanted(one, two, three)"""
    )


def test_texts_at_column_0_and_statements_on_one_line() -> None:
    test = (
        f'def test():\n{numbered(LONG)}    text = """\nat 0\n"""; got = wanted(text)\n    assert got == 5\n'
    )
    assert (
        cut(test)
        == 'def test():\n    ...\n    text = """\nat 0\n"""; got = wanted(text)\n    assert got == 5'
    )
    cases = "".join(f"    {n},\n" for n in range(LONG))
    inline = f'@parametrize("n", [\n{cases}])\ndef test(n): assert wanted(n) == n'
    assert cut(inline) == inline


def test_one_that_names_it_nowhere_is_cut_at_its_end() -> None:
    lines = cut(f"def test():\n{numbered(3 * LONG)}").split("\n")
    assert len(lines) == LONG
    assert lines[-1].endswith("...  # and more")
