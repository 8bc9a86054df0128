"""A run's result on the text as it is now: text x edit -> result."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from doubles.preview_parts import result_of
from doubles.projects import ADDS, CALC, STUB
from flowmill.shapes import Draft
from flowmill_server.preview.carry import Carried, carry, learn, moved
from flowmill_server.preview.hunks import applied
from flowmill_server.text.document import Document

PATH = Path("/project/calc.py")
PLAIN = Draft("return a + b")
RICH = Draft(
    "return helped(math.fsum([a, b]))",
    imports=("import math",),
    helpers=("def helped(x):\n    return x",),
)


def carried(before: str, now: str, draft: Draft = PLAIN, *, mark: bytes = b"") -> Carried:
    """What becomes of a run that began with one text when the text is another."""
    result = result_of(PATH, mark + before.encode(), "add", draft)
    found = carry(result, now, mark + now.encode())
    assert found.before == now
    assert applied(now, found.changes) == found.after
    document = Document(PATH.as_uri(), "python", 1, now)
    span = document.outline.find("add")
    assert span is not None
    quick = moved(learn(result), document, span)
    assert quick in (None, found)
    # Only what the draft brings along needs the whole text to be read, or a last line that ends otherwise.
    assert (quick is None) == (draft is RICH or before.endswith("\n") != now.endswith("\n"))
    return found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        ('"""Sums."""', 'import os\n"""Sums."""'),
        ("# kept too\n", "# kept too\n\n\nX = '\U0001f40d'\n"),
        ("return 2 * a", "x = 1\n    return x + a"),
        ("def last", "@cache\ndef last"),
    ],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_edits_elsewhere_and_the_users_newlines_are_kept(old: str, new: str, newline: str) -> None:
    before = CALC.replace("\n", newline)
    now = CALC.replace(old, new).replace("\n", newline) if old else before
    found = carried(before, now)
    assert found.kind is None
    assert found.after == now.replace(STUB.replace("\n", newline), ADDS.replace("\n", newline))
    assert len(found.changes) == 1


def test_newlines_that_are_mixed_stay_mixed() -> None:
    before = CALC.replace("\n\n\ndef add", "\r\n\r\n\r\ndef add").replace("3.14  # kept\n", "3.14  # kept\r")
    found = carried(before, "# \u2028 one line\n\x0c" + before)
    assert found.after == "# \u2028 one line\n\x0c" + before.replace(STUB, ADDS)


def test_imports_and_helpers_are_hunks_of_one_change() -> None:
    found = carried(CALC, CALC.replace("PI = 3.14", "PI = 3.14159"), RICH)
    assert [len(hunk.changes) for hunk in found.hunks] == [2, 1] or len(found.hunks) == 2
    assert "import math\n" in found.after
    assert "PI = 3.14159" in found.after
    assert "    return helped(math.fsum([a, b]))\n" in found.after


def test_a_mark_is_no_part_of_the_text_unless_the_editor_sent_it() -> None:
    mark = codecs.BOM_UTF8
    found = carried(CALC, "import os\n" + CALC, mark=mark)
    assert found.after == "import os\n" + CALC.replace(STUB, ADDS)
    result = result_of(PATH, mark + CALC.encode(), "add", PLAIN)
    sent = carry(result, "\ufeff" + CALC, mark + CALC.encode())
    assert sent.after == "\ufeff" + CALC.replace(STUB, ADDS)
    assert len(sent.changes) == 1


@pytest.mark.parametrize(
    ("now", "kind", "detail"),
    [
        (CALC.replace(STUB, "    return 0\n"), "changed", ""),
        (CALC.replace("add", "plus"), "gone", ""),
        (CALC + "def (:\n", "unreadable", "/project/calc.py:17: syntax error"),
        ("# coding: ascii\n" + CALC + "# \u00e9\n", "unreadable", "the text cannot be held by ascii"),
    ],
)
def test_what_stands_in_the_way(now: str, kind: str, detail: str) -> None:
    result = result_of(PATH, CALC.encode(), "add", PLAIN)
    data = now.encode("ascii", "replace") if "coding" in now else now.encode()
    found = carry(result, now, data)
    assert (found.kind, found.hunks, found.after) == (kind, (), now)
    assert found.detail.startswith(detail)


def test_a_file_without_a_final_newline() -> None:
    before = CALC.removesuffix("\n\n\ndef last(items):\n    return items[-1]  # kept too\n")
    found = carried(before, "X = 1\n" + before)
    assert found.after == "X = 1\n" + before.replace(STUB.rstrip(), ADDS.rstrip())
    assert not found.after.endswith("\n")


@pytest.mark.parametrize(("before", "now"), [("def add(a, b): ...", "\n"), ("def add(a, b): ...\n", "")])
def test_a_final_newline_that_came_or_went(before: str, now: str) -> None:
    now = "X = 1\n" + before.rstrip() + now
    assert carried(before, now).after.rstrip() == "X = 1\ndef add(a, b):\n    return a + b"


@pytest.mark.parametrize(
    ("now", "kind"),
    [
        (CALC.replace("The sum", "A sum"), "changed"),
        (CALC.replace("def add(a, b)", "def add(a, b"), "unreadable"),
    ],
)
def test_the_functions_own_lines_tell_that_it_changed(now: str, kind: str) -> None:
    document = Document(PATH.as_uri(), "python", 1, now)
    span = document.outline.find("add")
    assert span is not None
    found = moved(learn(result_of(PATH, CALC.encode(), "add", PLAIN)), document, span)
    assert found is not None
    assert found.kind == kind
