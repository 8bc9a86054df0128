"""Finding functions: every kind of definition, its exact parts, and clear words when there is none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from flowmill.errors import TargetError
from flowmill.source.functions import Function, find, find_functions, function_at, parse_target
from flowmill.source.text import SourceFile

ZOO = '''\
import typing
from functools import cached_property
from typing import overload


@overload
def twice(x: int) -> int: ...
@typing.overload
def twice(x: str) -> str: ...
def twice(x):
    return x + x


class Shape:
    """A shape."""

    def __init__(self, side, *more, colour="red", **rest):
        self.side = side

    @property
    def area(self) -> int:
        """The area."""
        return self.side**2

    @area.setter
    def area(self, value):
        self.side = value

    @area.deleter
    def area(self):
        del self.side

    @cached_property
    def name(self):
        return "shape"

    @staticmethod
    def unit():
        return Shape(1)

    @classmethod
    def of(cls, side):
        return cls(side)

    class Inner:
        async def fetch(self):
            async for x in self:
                yield x


def outer(a, /, b, *, c):
    def inner():
        yield a

    return inner


if typing.TYPE_CHECKING:

    def maybe(): ...
else:

    def maybe():
        return 1


try:
    pass
except ImportError:

    def in_handler():
        pass


match 1:
    case 1:

        def in_case():
            raise NotImplementedError("later")


with open(__file__) as stream:

    def in_with():
        """Only this."""
'''


def file_of(text: str) -> SourceFile:
    return SourceFile.from_bytes(Path("zoo.py"), text.encode())


def only(text: str) -> Function:
    (function,) = find_functions(file_of(text))
    return function


def test_all_definitions_are_found_in_order() -> None:
    found = [(function.qualname, function.kind) for function in find_functions(file_of(ZOO))]

    assert found == [
        ("twice", "function"),
        ("twice", "function"),
        ("twice", "function"),
        ("Shape.__init__", "method"),
        ("Shape.area", "property"),
        ("Shape.area.setter", "property.setter"),
        ("Shape.area.deleter", "property.deleter"),
        ("Shape.name", "property"),
        ("Shape.unit", "staticmethod"),
        ("Shape.of", "classmethod"),
        ("Shape.Inner.fetch", "method"),
        ("outer", "function"),
        ("outer.inner", "function"),
        ("maybe", "function"),
        ("maybe", "function"),
        ("in_handler", "function"),
        ("in_case", "function"),
        ("in_with", "function"),
    ]


def test_facts_about_a_function() -> None:
    file = file_of(ZOO)
    fetch, init = find(file, "Shape.Inner.fetch"), find(file, "Shape.__init__")
    inner = find(file, "outer.<locals>.inner")

    assert (fetch.is_async, fetch.classes) == (True, ("Shape", "Inner"))
    assert init.params == ("self", "side", "more", "colour", "rest")
    assert inner.classes == ()
    assert find(file, "outer").params == ("a", "b", "c")
    stubs = [f.qualname for f in find_functions(file) if f.is_stub]
    assert stubs == ["twice", "twice", "maybe", "in_handler", "in_case", "in_with"]


def test_overloads_give_way_and_accessors_have_names_of_their_own() -> None:
    file = file_of(ZOO)

    assert find(file, "twice").def_line == 10
    assert find(file, "Shape.area").source.endswith("self.side**2")
    assert find(file, "Shape.area.setter").params == ("self", "value")


def test_overloads_alone_are_found_too() -> None:
    assert find(file_of("@overload\ndef f(): ...\n"), "f").is_overload


def test_ambiguity_names_all_lines_and_the_way_out() -> None:
    file = file_of(ZOO)

    with pytest.raises(TargetError, match=r"maybe 2 times, on lines 60, 63: pick one as maybe@60"):
        find(file, "maybe")
    assert find(file, "maybe@63").is_stub is False
    assert find(file, "maybe@64").def_line == 63
    with pytest.raises(TargetError, match="no maybe on line 1: it is on lines 60, 63"):
        find(file, "maybe@1")
    with pytest.raises(TargetError, match="line number"):
        find(file, "maybe@x")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Shape", "is a class: name one of its functions: Shape.__init__, Shape.area"),
        ("Shape.Inner", "is a class: name one of its functions: Shape.Inner.fetch"),
        ("twise", "the nearest: twice"),
        ("area", "the nearest: Shape.area"),
        ("inner", "the nearest: outer.inner"),
        ("Shape.fetsh", "Shape.Inner.fetch"),
        ("zzzzzz", "it has twice"),
    ],
)
def test_an_unknown_name_gets_the_nearest_ones(name: str, said: str) -> None:
    with pytest.raises(TargetError) as caught:
        find(file_of(ZOO), name)

    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_without_functions_says_so() -> None:
    with pytest.raises(TargetError, match="defines no function"):
        find(file_of("x = 1\n"), "f")


@pytest.mark.parametrize(
    ("text", "path", "qualname"),
    [
        ("a.py::f", "a.py", "f"),
        ("src/a b.py::C.m", "src/a b.py", "C.m"),
        ("a.py::C::m", "a.py", "C.m"),
        ("a.py::outer.<locals>.inner", "a.py", "outer.<locals>.inner"),
        ("a.py::f@12", "a.py", "f@12"),
        ("a.py::größe", "a.py", "größe"),
    ],
)
def test_targets_are_parsed(text: str, path: str, qualname: str) -> None:
    assert parse_target(text) == (Path(path), qualname)


@pytest.mark.parametrize("text", ["a.py", "::f", "a.py::", "a.py::not a name", "a.py:f", "a.py::f()"])
def test_bad_targets_show_the_form(text: str) -> None:
    with pytest.raises(TargetError, match="FILE::QUALNAME"):
        parse_target(text)


def test_the_function_at_a_line_is_the_innermost() -> None:
    file = file_of(ZOO)
    lines = {line: function_at(file, line) for line in range(1, ZOO.count("\n") + 2)}
    names = {line: function.qualname for line, function in lines.items() if function}

    assert (names[6], names[10], names[11]) == ("twice", "twice", "twice")
    assert (names[20], names[21], names[22], names[23]) == ("Shape.area",) * 4
    assert (names[51], names[52], names[53], names[54], names[55]) == (
        "outer",
        "outer.inner",
        "outer.inner",
        "outer",
        "outer",
    )
    assert not {1, 14, 19, 24, 50, 56} & set(names)


def test_a_comment_below_the_body_is_in_the_function() -> None:
    file = file_of("def f():\n    x\n\n    # more\n\n# not mine\n")

    function = function_at(file, 4)
    assert function is not None
    assert (function.last_line, function_at(file, 6)) == (4, None)
    assert function.target(Path("/a.py")).end == 4


@pytest.mark.parametrize(
    ("text", "header", "body"),
    [
        ("def f(): ...\n", "def f():", "..."),
        ("def f(): return 1  # why\n", "def f():", "return 1  # why"),
        ("def f(): 'doc'; return 1\n", "def f(): 'doc'", "return 1"),
        ("def f(): 'doc'\n", "def f(): 'doc'", ""),
        ("def f():\n    'doc'; x = 1\n    y = 2\n", "def f():\n    'doc'", "x = 1\n    y = 2"),
        (
            "def f(\n    a=lambda x: {1: 2},\n    b=':',\n) -> 'x:y':  # :\n\n    return a\n",
            None,
            "    return a",
        ),
        ("def f() -> lambda: 0: pass\n", "def f() -> lambda: 0:", "pass"),
        ("def f(a: int = 1, *, b: dict[str, int]) -> None:\n    pass\n", None, "    pass"),
        ("def f(): \\\n    return 1\n", "def f():", "return 1"),
        ("def \\\n  f \\\n  ():\n  return 1\n", "def \\\n  f \\\n  ():", "  return 1"),
        ("def f():\n    # first\n    '''doc'''\n    # then\n    x\n", None, "    # then\n    x"),
        ("def f():\n    ('doc'\n     'string')  # c\n\n\n    x\n", None, "    x"),
        ("def f():\n    f'no {1} doc'\n", "def f():", "    f'no {1} doc'"),
        ("def f():\n    b'no doc'\n", "def f():", "    b'no doc'"),
        ("def f():\n    '''doc'''\n    # todo\n", None, "    # todo"),
        (
            "def f():\n    x; \\\n    y;  # end\n  # still\n# not\n",
            "def f():",
            "    x; \\\n    y;  # end\n  # still",
        ),
        ("def f():\n\x0c\n    x\n", "def f():", "    x"),
        ("def f():\r\n\t'doc'\r\n\tx\r\n", "def f():\r\n\t'doc'", "\tx"),
        ("def f():\n# left\n    x\n", "def f():", "# left\n    x"),
        ("async def f():\n    await x", "async def f():", "    await x"),
    ],
)
def test_header_and_body_are_told_apart(text: str, header: str | None, body: str) -> None:
    function = only(text)
    if header is not None:
        assert function.header == header
    assert text[function.body_start : function.end] == body
    assert text[: function.header_end].endswith(":")
    assert text[function.start : function.end] == function.source


@pytest.mark.parametrize(
    "decorator",
    ["@a", "@a(\n    1,\n    2,\n)", "@(\n    # @ hidden\n    a\n)", "@a.b\n# between\n@c[0]", "@ \\\na"],
)
def test_a_function_begins_with_its_first_decorator(decorator: str) -> None:
    function = only(f"x = 1\n{decorator}\ndef f():\n    pass\n")

    assert function.source.startswith(decorator)
    assert function.first_line == 2


@pytest.mark.skipif(sys.version_info < (3, 12), reason="type parameters are newer than this parser")
def test_type_parameters_have_colons_of_their_own() -> None:
    function = only("def f[T: (int, str), *Ts, **P](x: T) -> T:\n    return x\n")

    assert function.header.endswith("-> T:")


@pytest.mark.parametrize(
    "body",
    [
        "...",
        "pass",
        "raise NotImplementedError",
        "raise NotImplementedError('later')",
        "'doc'",
        "'doc'\n    ...",
        "'doc'\n    pass\n    raise NotImplementedError()",
        "pass  # todo",
    ],
)
def test_stubs(body: str) -> None:
    assert only(f"def f():\n    {body}\n").is_stub


@pytest.mark.parametrize(
    "body", ["return", "raise ValueError", "raise", "1", "return NotImplemented", "x = ..."]
)
def test_no_stubs(body: str) -> None:
    assert not only(f"def f():\n    {body}\n").is_stub


def test_indentation_is_kept_as_it_is_written() -> None:
    file = file_of("class C:\n\tdef f(self):\n\t\t x = 1\n\tdef g(self): pass\n")

    f, g = find(file, "C.f"), find(file, "C.g")
    assert (f.indent, f.body_indent, g.body_indent) == ("\t", "\t\t ", "\t\t")


def test_a_function_below_a_thousand_branches_is_found(tmp_path: Path) -> None:
    """Each branch is deeper in the syntax tree than the one before."""
    branches = "".join(f"    elif n == {i}:\n        pass\n" for i in range(1, 1200))
    source = f"def f(n):\n    if n == 0:\n        pass\n{branches}    else:\n        def inner(): ...\n\n\ndef g(): ...\n"
    file = SourceFile.from_bytes(tmp_path / "m.py", source.encode())
    assert [function.qualname for function in find_functions(file)] == ["f", "f.inner", "g"]
    assert find(file, "f.inner").is_stub
