"""The functions that are shown because they are like the one to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowmill.context.neighbours import LINES, neighbours
from flowmill.context.shapes import Files
from flowmill.project.pytest_config import PytestConfig
from flowmill.source.functions import find
from flowmill.source.text import SourceFile

MODULE = '''
from base import Middle

def to_roman(number):
    """Five as V."""
    raise NotImplementedError

def from_roman(number):
    """V as five.

    More of it.
    """
    # counted from the right
    return sum(VALUES[letter] for letter in number)

def from_roman_quickly(text, table):
    return 5

class Tetum(Middle):
    def currency(self, value, unit="USD"):
        """In words."""
        raise NotImplementedError

    def cardinal(self, value):
        return str(value)

class Other:
    def ordinal(self, value): ...
'''
BASE = """
class Root:
    def currency(self, value, unit="EUR", cents=True):
        return f"{self.cardinal(value)} {unit}"
"""
MIDDLE = "from root import Root\n\nclass Middle(Root):\n    pass\n"
STRANGER = "class Farsi:\n    def currency(self, value):\n        return value\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "tetum.py": MODULE,
        "root.py": BASE,
        "middle.py": MIDDLE,
        "farsi.py": STRANGER,
        "bad.py": "class (",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def shown(folder: Path, qualname: str, **overlay: str) -> tuple[str, ...]:
    file = SourceFile.read(folder / "tetum.py")
    buffers = {folder / f"{name}.py": text.encode() for name, text in overlay.items()}
    is_test = PytestConfig(folder).is_test_file
    return neighbours(file, find(file, qualname), Files(buffers), is_test)


def test_the_one_with_words_and_parameters_in_common_without_its_docstring(folder: Path) -> None:
    assert shown(folder, "to_roman") == (
        "def from_roman(number):\n    # counted from the right\n"
        "    return sum(VALUES[letter] for letter in number)",
    )


def test_the_method_that_it_overrides(folder: Path) -> None:
    assert shown(folder, "Tetum.currency") == (
        '# Root.currency:\ndef currency(self, value, unit="EUR", cents=True):\n'
        '    return f"{self.cardinal(value)} {unit}"',
    )


def test_further_methods_that_are_given_the_same_whatever_their_name(folder: Path) -> None:
    (folder / "tetum.py").write_text(
        "class Reader:\n    def search(self, text, start=0, end=None): ...\n"
        "    def match(self, text, start=0):\n        return 1\n"
        "    def name(self, text):\n        return 2\n"
        "    def find(self, text, start, end):\n        return 3\n\n"
        "def search(text, start=0, end=None):\n    return Reader().search(text, start, end)\n"
    )
    first, *further = shown(folder, "Reader.search")
    assert first.startswith("def search(")
    assert [text.split("(")[0] for text in further] == [
        "# Reader.find:\ndef find",
        "# Reader.match:\ndef match",
    ]


def test_an_open_buffer_stands_in_for_the_disk(folder: Path) -> None:
    assert shown(folder, "Tetum.currency", root="class Root: pass\n") == (
        "# Farsi.currency:\ndef currency(self, value):\n    return value",
    )


def test_tests_are_no_neighbours(folder: Path) -> None:
    """Some of them are held back from the model."""
    for name in ("root", "farsi"):
        (folder / f"{name}.py").rename(folder / f"test_{name}.py")
    assert shown(folder, "Tetum.currency") == ()


def test_a_file_that_cannot_be_read_hides_no_other(folder: Path) -> None:
    (folder / "a.py").mkdir()
    assert shown(folder, "Tetum.currency")[0].startswith("# Root.currency:")


def test_nothing_where_nothing_is_like_it(folder: Path) -> None:
    assert shown(folder, "Other.ordinal") == ()
    assert shown(folder, "from_roman_quickly") == ()


def test_a_long_one_is_cut(folder: Path) -> None:
    long = BASE.replace("        return", "        value += 1\n" * 99 + "        return")
    (text,) = shown(folder, "Tetum.currency", root=long)
    assert text.count("\n") == LINES
    assert text.endswith("...  # and more")


def test_a_strangers_method_that_needs_what_the_class_does_not_have_misleads(folder: Path) -> None:
    stranger = "class Farsi:\n    def currency(self, value):\n        return self.{}(value)\n"
    assert shown(folder, "Tetum.currency", root="", farsi=stranger.format("rial")) == ()
    (text,) = shown(folder, "Tetum.currency", root="", farsi=stranger.format("cardinal"))
    assert text.startswith("# Farsi.currency:")
