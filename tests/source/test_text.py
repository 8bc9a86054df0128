"""Reading a file and writing it back: encodings, newlines, and what is no Python."""

from __future__ import annotations

import codecs
import gc
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flowmill.errors import TargetError
from flowmill.source.text import SourceFile, end_of_line, parse

HERE = Path("module.py")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x = 1",
        b"x = 1\r\ny = 2\r\n",
        b"x = 1\ry = 2\r",
        codecs.BOM_UTF8 + b"x = 1\n",
        codecs.BOM_UTF8 + b"# coding: utf-8\nx = 1\n",
        "# -*- coding: latin-1 -*-\nx = 'é'\n".encode("latin-1"),
        "#!/usr/bin/python\n# vim: set fileencoding=cp1252 :\nx = '€'\n".encode("cp1252"),
        "# coding: shift_jis\nx = '日本'\n".encode("shift_jis"),
        "# coding: euc-kr\r\nx = '한국'\r\n".encode("euc-kr"),
        "x = '\U0001f600\u2028\x0c\x1c\x85'\n\x0c\ny = 1\n".encode(),
    ],
)
def test_a_text_turns_back_into_its_bytes(data: bytes) -> None:
    file = SourceFile.from_bytes(HERE, data)

    assert file.encode(file.text) == data
    assert not file.text.startswith("\ufeff")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"x = '\xe9'\n", "module.py: "),
        (b"# fine\n# fine\nx = 1\ny = '\xe9'\n", "module.py:4: cannot be decoded as utf-8"),
        (b"# coding: martian\n", "martian"),
        (b"# coding: rot13\n", "rot13"),
        (codecs.BOM_UTF8 + b"# coding: latin-1\n", "module.py: "),
        ("x = 1\n".encode("utf-16"), "module.py: "),
        (b"x = 1\0\n", "null characters"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(data: bytes, said: str) -> None:
    with pytest.raises(TargetError) as caught:
        SourceFile.from_bytes(HERE, data)

    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_encoding_that_loses_something_is_refused() -> None:
    data = b"# coding: utf-7\nx = '+AGE-'\n"

    with pytest.raises(TargetError, match="cannot be written back unchanged"):
        SourceFile.from_bytes(HERE, data)


def test_missing_file_folder_and_other_files_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")

    with pytest.raises(TargetError, match="no such file"):
        SourceFile.read(tmp_path / "gone.py")
    with pytest.raises(TargetError, match="not a Python file"):
        SourceFile.read(tmp_path / "notes.txt")
    with pytest.raises(TargetError, match="is a folder"):
        SourceFile.read(tmp_path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "secret.py"
    path.write_text("x = 1\n")
    path.chmod(0)

    with pytest.raises(TargetError, match="cannot be read"):
        SourceFile.read(path)


def test_a_syntax_error_names_its_place_and_the_parsers_message() -> None:
    file = SourceFile.from_bytes(HERE, b"x = 1\ndef f(:\n    pass\n")

    with pytest.raises(TargetError, match=r"module\.py:2: syntax error: .+"):
        _ = file.tree


def test_odd_escapes_are_not_our_business() -> None:
    assert SourceFile.from_bytes(HERE, b"x = '\\d'\n").tree.body


def test_lines_end_where_pythons_tokenizer_ends_them() -> None:
    file = SourceFile.from_bytes(HERE, "a = '\u2028\x0c'\r\nb = 'é€'; c = 1\rd = 2\n".encode())

    assert [file.line(number) for number in (1, 2, 3)] == ["a = '\u2028\x0c'", "b = 'é€'; c = 1", "d = 2"]
    assert file.segment(file.tree.body[2]) == "c = 1"
    assert [file.line_at(file.text.index(name)) for name in "abcd"] == [1, 2, 2, 3]


@pytest.mark.parametrize(
    ("text", "newline"), [("", "\n"), ("a\r\nb\r\nc\n", "\r\n"), ("a\rb\r", "\r"), ("a\nb\r\n", "\n")]
)
def test_the_newline_is_that_of_most_lines(text: str, newline: str) -> None:
    assert SourceFile.from_bytes(HERE, text.encode()).newline == newline


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("", "    "),
        ("def f():\n\tpass\n", "\t"),
        ("if x:  # why\n\n  y = 1\n", "  "),
        ("def f(): pass\n", "    "),
    ],
)
def test_the_indent_unit_is_that_of_the_first_block(text: str, unit: str) -> None:
    assert SourceFile.from_bytes(HERE, text.encode()).indent_unit == unit


def test_the_rest_of_a_line_may_be_semicolons_comments_and_continuations() -> None:
    text = "x = 1 ; \\\n  # why\ny = 2; z = 3\n"

    assert text[end_of_line(text, text.index("1") + 1) :].startswith("\ny")
    assert text[end_of_line(text, text.index("2") + 1) :].startswith("z = 3")


@pytest.fixture
def busy_threads() -> Iterator[None]:
    """Threads that take turns at every opportunity, and a collector that runs code of the garbage's own."""
    threshold, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(5)
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*threshold)


class Litter:
    def __init__(self) -> None:
        self.itself = self

    def __del__(self) -> None:
        sum(range(2000))


@pytest.mark.usefixtures("busy_threads")
def test_threads_may_parse_at_the_same_time() -> None:
    """`ast.parse` alone raises a SystemError here in one call of ten."""
    source = Path(__file__).read_text()

    def parsed(number: int) -> int:
        Litter()
        return len(parse(source).body)

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(parsed, range(200)))) == 1
