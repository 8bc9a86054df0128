"""Carrying a result over to a text that changed meanwhile: pure, from bytes to bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from doubles.projects import ADDS, CALC, STUB
from flowmill.apply import ChangedMeanwhile, Kind, rebased
from flowmill.engine.request import Result
from flowmill.shapes import Draft
from flowmill.source.functions import find
from flowmill.source.splice import splice
from flowmill.source.text import SourceFile

PATH = Path("/project/calc.py")
BODY = Draft("return a + b")
TWINS = "if 1:\n    def f():\n        ...\nelse:\n    def f():\n        ...\n"


def result(text: str, qualname: str = "add", draft: Draft = BODY) -> Result:
    file = SourceFile.from_bytes(PATH, text.encode())
    function = find(file, qualname)
    return Result(function.target(PATH), file.data, splice(file, function, draft), draft, True, True)


@pytest.mark.parametrize(
    "theirs",
    [
        CALC,
        "import os\n" + CALC,
        CALC.replace("return 2 * a", "return a + a"),
        CALC.replace("return items[-1]  # kept too\n", "return items[0]"),
        CALC.replace("def last", "@cache\ndef last"),
        CALC + "\n\ndef addition(a, b):\n    ...\n",
    ],
)
def test_what_changed_elsewhere_is_kept(theirs: str) -> None:
    assert rebased(result(CALC), theirs.encode()).decode() == theirs.replace(STUB, ADDS)


def test_an_import_that_was_added_meanwhile_is_not_added_twice() -> None:
    draft = Draft("return math.fsum([a, b])", imports=("import math",))
    theirs = CALC.replace('"""Sums."""\n', '"""Sums."""\n\nimport math\n')
    assert rebased(result(CALC, draft=draft), theirs.encode()).decode() == theirs.replace(
        STUB, "    return math.fsum([a, b])\n"
    )


@pytest.mark.parametrize(
    ("theirs", "kind"),
    [
        (CALC.replace(STUB, "    return 0\n"), "changed"),
        (CALC.replace("def add(a, b)", "def add(a, b=0)"), "changed"),
        (CALC.replace("def add", "@cache\ndef add"), "changed"),
        (CALC.replace("The sum", "The total"), "changed"),
        (CALC + "\n\ndef add(a, b):\n    return 0\n", "changed"),
        (CALC.replace("\n", "\r\n"), "changed"),
        (CALC.replace("def add", "def plus"), "gone"),
        ("", "gone"),
        (CALC.replace("def last(items)", "def last(items"), "unreadable"),
        ("# coding: latin-9000\n" + CALC, "unreadable"),
        (CALC + "\0", "unreadable"),
    ],
)
def test_a_change_in_the_function_is_told_by_its_kind(theirs: str, kind: Kind) -> None:
    with pytest.raises(ChangedMeanwhile, match="add changed while flowmill worked; nothing was written") as e:
        rebased(result(CALC), theirs.encode())
    assert e.value.kind == kind


def test_a_helper_whose_name_was_taken_meanwhile() -> None:
    draft = Draft("return helped(a, b)", helpers=("def helped(a, b):\n    return a + b",))
    with pytest.raises(ChangedMeanwhile) as e:
        rebased(result(CALC, draft=draft), (CALC + "\n\nhelped = None\n").encode())
    assert (e.value.kind, e.value.detail) == (
        "conflict",
        "the draft's helper helped would replace a name of the module",
    )


@pytest.mark.parametrize(("line", "kept"), [(2, 1), (5, 0)])
def test_of_functions_with_one_name_the_one_that_was_meant(line: int, kept: int) -> None:
    made = rebased(result(TWINS, f"f@{line}", Draft("return 1")), b"import os\n" + TWINS.encode()).decode()
    blocks = made.split("else:")
    assert blocks[kept].endswith("        ...\n")
    assert "return 1" in blocks[1 - kept]


def test_a_twin_more_or_less_makes_it_unclear_which_was_meant() -> None:
    with pytest.raises(ChangedMeanwhile) as e:
        rebased(result(TWINS, "f@2", Draft("return 1")), (TWINS + "def f(): ...\n").encode())
    assert e.value.kind == "changed"


def test_the_first_and_the_last_function_of_a_file_without_a_final_newline() -> None:
    text = "def add(a, b): ..."
    assert rebased(result(text), b"X = 1\n" + text.encode()) == b"X = 1\ndef add(a, b):\n    return a + b"
