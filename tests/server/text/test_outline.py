"""The outline says what the syntax tree says, and goes on saying it through edits."""

from __future__ import annotations

import random
import sysconfig
from pathlib import Path

import pytest
from lsprotocol import types

from flowmill.errors import TargetError
from flowmill.source.functions import Function, find, find_functions
from flowmill.source.text import SourceFile
from flowmill_server.text.document import Document
from flowmill_server.text.outline import FunctionSpan, Outline
from flowmill_server.text.positions import split_lines

SAMPLE = 120


def opened(text: str) -> Document:
    return Document("file:///project/a.py", "python", 1, text)


def edit(document: Document, first: int, removed: int, text: str) -> None:
    """Replace whole lines, counted from 1."""
    extent = types.Range(types.Position(first - 1, 0), types.Position(first - 1 + removed, 0))
    document.change(document.version + 1, [types.TextDocumentContentChangePartial(range=extent, text=text)])


def spans(document: Document) -> list[tuple[str, int, int, int, bool]]:
    return [_row(span) for span in document.outline.functions]


def _row(found: FunctionSpan | Function) -> tuple[str, int, int, int, bool]:
    name = found.qualname.partition("@")[0]
    return name, found.first_line, found.def_line, found.last_line, found.is_stub


def true_spans(file: SourceFile) -> list[tuple[str, int, int, int, bool]]:
    return [_row(function) for function in find_functions(file)]


# ------------------------------------------------------------------ against the syntax tree
def _files() -> list[SourceFile]:
    """A sample of the standard library, and all its small files that declare an encoding."""
    stdlib = Path(sysconfig.get_path("stdlib"))
    paths = random.Random(4).sample(sorted(stdlib.rglob("*.py")), SAMPLE)
    found: list[SourceFile] = []
    for path in [*paths, *sorted((stdlib / "test" / "encoded_modules").glob("*.py"))]:
        try:
            file = SourceFile.read(path)
            assert file.tree
            found.append(file)
        except TargetError:
            continue  # Test suites hold files that are wrong on purpose.
    return found


@pytest.fixture(scope="module")
def files() -> list[SourceFile]:
    return _files()


def test_real_files_have_the_functions_of_their_tree(files: list[SourceFile]) -> None:
    assert len(files) > 80
    for file in files:
        document = opened(file.text)
        assert spans(document) == true_spans(file), file.path
        for span in document.outline.functions:
            assert document.outline.problem_in(span) == "", (file.path, span)


def test_names_mean_the_same_function_to_the_engine(files: list[SourceFile]) -> None:
    for file in files:
        outline = opened(file.text).outline
        for span in outline.functions[:40]:
            assert find(file, span.qualname).def_line == span.def_line, (file.path, span)
            assert outline.find(span.qualname) == span


HARD = '''\
class A:
\t@property
\tdef p(self): return 1

\t@p.setter
\t# between
\tdef p(self, v):
\t\t"""doc
def not_me(): pass
\t\t"""
\t\tself.v = v \\
+ 1
\t\t# belongs here

\t\t# and here
\t# not here
y = 'it\\'s' "a\\
def nor_me(): pass"
if y:
    async def g(a,
          b=lambda: {1: 2},  # ( " \'\'\'
    ) -> int:
        ...
else:
    async def g(a): return [
def_ := 1,
        class_ := 2]
\fdef h(x: "(") -> None: raise NotImplementedError("no")
from typing import overload
@overload
def o(a: int): ...
@overload
def o(a: str): ...
def o(a): return (a
    @ a)
'''


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_hard_cases(newline: str) -> None:
    text = HARD.replace("\n", newline)
    file = SourceFile.from_bytes(Path("/a.py"), text.encode())
    document = opened(text)
    assert spans(document) == true_spans(file)
    names = [span.qualname for span in document.outline.functions]
    assert names == ["A.p", "A.p.setter", "g@20", "g@25", "h", "o@31", "o@33", "o"]
    for span in document.outline.functions:
        assert find(file, span.qualname).def_line == span.def_line


def test_every_line_of_a_function_is_in_it() -> None:
    outline = opened(HARD).outline
    names = [span.qualname if (span := outline.at(line)) else "" for line in range(1, 17)]
    assert names == ["", "A.p", "A.p", "", *["A.p.setter"] * 11, ""]
    assert outline.at(0) is None
    assert outline.at(10_000) is None


def test_the_innermost_function_holds_a_line() -> None:
    outline = opened("def a():\n    x = 1\n    def b():\n        pass\n\n    return b\n").outline
    found = [span.qualname if (span := outline.at(line)) else "" for line in range(1, 8)]
    assert found == ["a", "a", "a.b", "a.b", "a", "a", ""]


@pytest.mark.parametrize("name", ["a.<locals>.b", "a.b"])
def test_both_spellings_of_a_nested_name(name: str) -> None:
    found = opened("def a():\n    def b(): pass\n").outline.find(name)
    assert found is not None
    assert found.def_line == 2


def test_one_of_two_alike_is_followed_by_its_rank() -> None:
    twin = "    def f(x):\n        return x\n"
    before = opened(f"if a:\n{twin}else:\n{twin}").outline
    first, second = before.functions
    assert first.digest == second.digest
    changed = opened(f"if a:\n{twin.replace('return x', 'return 2')}else:\n{twin}").outline
    moved = opened(f"\n\n\nif a:\n{twin}else:\n{twin}").outline
    for place, span in enumerate((first, second)):
        rank = before.rank(span.qualname)
        assert changed.follow(span.qualname, span.digest, rank) == changed.functions[place]
        assert moved.follow(span.qualname, span.digest, rank) == moved.functions[place]


@pytest.mark.parametrize("name", ["nope", "g", "g@1", "g@x", "A", "p", ""])
def test_what_names_no_function_finds_none(name: str) -> None:
    assert opened(HARD).outline.find(name) is None


# ------------------------------------------------------------------ texts that are not Python (yet)
def test_a_syntax_error_elsewhere_takes_no_function_away() -> None:
    text = "def a():\n    return 1\n\nx = foo(1,\n\ndef b():\n    return 2\n\nif x\n    y\n\ndef c(): ...\n"
    outline = opened(text).outline
    assert [(span.qualname, span.first_line, span.last_line) for span in outline.functions] == [
        ("a", 1, 2),
        ("b", 6, 7),
        ("c", 12, 12),
    ]
    assert [outline.problem_in(span) for span in outline.functions] == ["", "", ""]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\n\ndef a(x):\n    y = (x\n    return y\n", "line 4"),
        ("class A:\n    def a(x):\n        return x +\n", "line 3"),
        ("def a(x:\n    pass\n", "line 1"),
        ("def a(x):\n", "line 1"),
    ],
)
def test_a_syntax_error_in_the_function_is_named_with_its_line(text: str, words: str) -> None:
    outline = opened(text).outline
    (span,) = outline.functions
    assert outline.problem_in(span).startswith("There is a syntax error in this function: ")
    assert f"({words})" in outline.problem_in(span)


def test_a_head_without_a_body_is_a_stub() -> None:
    (span,) = opened("def a(x):\n").outline.functions
    assert span.is_stub


def test_a_very_long_function_is_not_parsed() -> None:
    outline = opened("def a():\n" + "    x = (\n" * 1000).outline
    (span,) = outline.functions
    assert outline.problem_in(span) == ""
    assert not span.is_stub


def test_other_languages_have_no_functions() -> None:
    document = Document("file:///a.md", "markdown", 1, "def f(): pass\n")
    assert document.outline.functions == ()
    assert document.outline.at(1) is None
    assert document.outline.find("f") is None
    assert document.outline.problem == "This is not a Python file"
    edit(document, 1, 1, "x")
    assert document.outline.functions == ()


# ------------------------------------------------------------------ edits
BASE = 'def a():\n    return 1\n\n\nclass C:\n    def b(self):\n        """Doc."""\n\n    x = 1\n\n    def c(self):\n        return 3\n'


def digests(document: Document) -> dict[str, str]:
    return {span.qualname: span.digest for span in document.outline.functions}


def test_an_edit_above_moves_and_changes_nothing_else() -> None:
    document = opened(BASE)
    before = digests(document)
    edit(document, 1, 0, "import os\n\n")
    assert [(span.qualname, span.first_line) for span in document.outline.functions] == [
        ("a", 3),
        ("C.b", 8),
        ("C.c", 13),
    ]
    assert digests(document) == before


def test_an_edit_inside_changes_that_function_alone() -> None:
    document = opened(BASE)
    before = digests(document)
    edit(document, 8, 0, "        y = 2\n        return y\n")
    span = document.outline.find("C.b")
    assert span is not None
    assert (span.first_line, span.last_line, span.is_stub) == (6, 9, False)
    assert {name for name, digest in digests(document).items() if digest != before[name]} == {"C.b"}


def test_new_and_renamed_functions_are_seen_at_once() -> None:
    document = opened(BASE)
    assert document.outline.find("a")
    edit(document, 1, 1, "def z():\n")
    edit(document, 9, 1, "    def new(self):\n        ...\n")
    assert [span.qualname for span in document.outline.functions] == ["z", "C.b", "C.new", "C.c"]
    assert [span.is_stub for span in document.outline.functions] == [False, True, True, False]


def test_a_string_that_is_being_opened_takes_nothing_away() -> None:
    document = opened(BASE * 3)
    names = [span.name for span in document.outline.functions]
    edit(document, 3, 0, 'x = """\n')
    assert [span.name for span in document.outline.functions] == names
    edit(document, 4, 0, "def not_me(): pass\n")
    assert [span.name for span in document.outline.functions] == names
    edit(document, 5, 0, '"""\n')
    assert [span.name for span in document.outline.functions] == names


async def test_a_string_that_stays_open_is_named_and_what_was_known_stays() -> None:
    document = opened(BASE)
    names = [span.name for span in document.outline.functions]
    assert document.outline.settled
    edit(document, 3, 0, "x = '''\n")
    assert not document.outline.settled
    await document.outline.settle()
    assert document.outline.problem == "A string is not closed"
    assert [span.name for span in document.outline.functions] == names
    edit(document, 4, 0, "'''\n")
    await document.outline.settle()
    assert document.outline.problem == ""
    assert document.outline.functions == opened(document.text).outline.functions


async def test_reading_gives_up_when_the_text_changes_meanwhile() -> None:
    lines = split_lines("def f(): pass\n" * 2000)
    outline = Outline(lines)
    reading = outline.settle()
    reading.send(None)
    lines[:1] = ["x = 1\n"]
    outline.spliced(0, 1, 1)
    with pytest.raises(StopIteration):
        reading.send(None)
    assert not outline.settled
    await outline.settle()
    assert outline.settled
    assert len(outline.functions) == 1999


PIECES = [
    "x = 1\n",
    "    def f(self):\n        pass\n",
    "def f(a=(1,\n2)):\n    return a\n",
    '    """',
    "'''",
    "(",
    ")",
    "\\\n",
    "# def n(): pass\n",
    "class D:\n",
    "    ",
    "\n",
    "\r",
    "'",
    "@property\n",
    "",
]


@pytest.mark.parametrize("seed", range(60))
async def test_after_any_edits_the_outline_is_that_of_the_text(seed: int) -> None:
    dice = random.Random(seed)
    document = opened(BASE * dice.randint(1, 30))
    assert document.outline.functions
    for _ in range(25):
        line = dice.randrange(len(document.lines))
        start = types.Position(line, dice.choice([0, 0, 4, 99]))
        end = types.Position(line + dice.choice([0, 0, 1, 3]), start.character)
        text = "".join(dice.choices(PIECES, k=dice.randint(0, 2)))
        extent = types.Range(start, end)
        document.change(1, [types.TextDocumentContentChangePartial(range=extent, text=text)])
        _is_sound(document)
    await document.outline.settle()
    fresh = opened(document.text)
    expected = fresh.outline.functions
    if not document.outline.problem:
        assert document.outline.functions == expected
    assert document.outline.problem == fresh.outline.problem


def _is_sound(document: Document) -> None:
    """Whatever the text: places are inside the document, in order, and hold the line of their `def`."""
    for span in document.outline.functions:
        assert 1 <= span.first_line <= span.def_line <= span.last_line <= len(document.lines)
        assert document.outline.at(span.def_line) is not None
