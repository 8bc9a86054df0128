"""Tiny projects with a function to write or to mend, each for one shape of code or of tests."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

CALC = '''\
"""Sums."""

PI = 3.14  # kept


def twice(a):
    return 2 * a


def add(a, b):
    """The sum of both."""
    raise NotImplementedError


def last(items):
    return items[-1]  # kept too
'''
STUB = "    raise NotImplementedError\n"
ADDS = "    return a + b\n"
TEST_CALC = """\
import pytest

import calc


def test_small():
    assert calc.add(1, 2) == 3


@pytest.mark.parametrize("a, b, total", [(0, 0, 0), (2, 3, 5), (-1, 1, 0)])
def test_pairs(a, b, total):
    assert calc.add(a, b) == total


def test_twice():
    assert calc.twice(4) == 8
"""
CALC_FILES = {"calc.py": CALC, "test_calc.py": TEST_CALC}


def fenced(code: str) -> str:
    """A model's answer with this code."""
    return f"```python\n{textwrap.dedent(code).strip()}\n```\n"


def add_answer(body: str = "return a + b") -> str:
    """A model's answer that writes `add`."""
    return fenced(f"def add(a, b):\n{textwrap.indent(textwrap.dedent(body).strip(), '    ')}\n")


GOOD = add_answer()
WRONG = add_answer("return a - b")
HALF_BODY = "return {-1: 0, 0: 0, 1: 3}.get(a, 7)"
HALF = add_answer(HALF_BODY)
"""Passes all but one of the tests, and no small change of it passes them all."""


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """The project in `folder/project`; `str` is written as UTF-8 with its own newlines."""
    root = folder / "project"
    root.mkdir(exist_ok=True)
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def calc(folder: Path, **more: str) -> Path:
    """The project whose `add` is to be written; further keyword files, `a_py` for `a.py`, replace or join."""
    extra = {name.replace("_py", ".py"): textwrap.dedent(text) for name, text in more.items()}
    return write(folder, {**CALC_FILES, **extra})


@dataclass(frozen=True)
class Case:
    """A function that one answer solves: `stub` in the file's bytes must become `solved`, and nothing else."""

    target: str
    answer: str
    files: Mapping[str, str | bytes]
    stub: bytes = STUB.encode()
    solved: bytes = ADDS.encode()

    @property
    def file(self) -> str:
        return self.target.partition("::")[0]

    @property
    def expected(self) -> bytes:
        before = self.files[self.file]
        data = before if isinstance(before, bytes) else before.encode()
        assert data.count(self.stub) == 1
        return data.replace(self.stub, self.solved)


def _case(target: str, answer: str, source: str, tests: str, stub: str, solved: str) -> Case:
    file = target.partition("::")[0]
    name = "tests/test_it.py" if "/" in file else "test_it.py"
    files = {file: textwrap.dedent(source), name: textwrap.dedent(tests)}
    return Case(target, fenced(answer), files, stub.encode(), solved.encode())


_BOX = """\
    class Box:
        def __init__(self, w, h):
            self.w, self.h = w, h

        def grown(self, by):
            ...

        @property
        def area(self):
            \"\"\"Width times height.\"\"\"

        def __repr__(self):
            return "Box"
"""
_TEST_BOX = """\
    from box import Box

    def test_grown():
        bigger = Box(1, 2).grown(2)
        assert (bigger.w, bigger.h) == (3, 4)

    def test_area():
        assert Box(3, 4).area == 12
"""
CASES: dict[str, Case] = {
    "method": _case(
        "box.py::Box.grown",
        "def grown(self, by):\n    return Box(self.w + by, self.h + by)",
        _BOX,
        _TEST_BOX,
        "        ...\n",
        "        return Box(self.w + by, self.h + by)\n",
    ),
    "property": _case(
        "box.py::Box.area",
        "@property\ndef area(self):\n    return self.w * self.h",
        _BOX,
        _TEST_BOX,
        '"""Width times height."""\n',
        '"""Width times height."""\n        return self.w * self.h\n',
    ),
    "async": _case(
        "slow.py::fetch",
        "import asyncio\n\nasync def fetch(n):\n    await asyncio.sleep(0)\n    return n + 1",
        "import asyncio\n\n\nasync def fetch(n):\n    raise NotImplementedError\n",
        "import asyncio\nimport slow\n\ndef test_fetch():\n    assert asyncio.run(slow.fetch(2)) == 3\n",
        STUB,
        "    await asyncio.sleep(0)\n    return n + 1\n",
    ),
    "nested": _case(
        "outer.py::make.inner",
        "def inner(x):\n    return x + step",
        "def make(step):\n    def inner(x):\n        pass\n\n    return inner\n",
        "from outer import make\n\ndef test_make():\n    assert make(2)(3) == 5\n",
        "        pass\n",
        "        return x + step\n",
    ),
    "unittest": _case(
        "calc.py::add",
        "def add(a, b):\n    return a + b",
        CALC,
        """\
        import unittest
        from calc import add

        class AddTest(unittest.TestCase):
            def setUp(self):
                self.two = 2

            def test_add(self):
                self.assertEqual(add(self.two, 2), 4)
        """,
        STUB,
        ADDS,
    ),
    "src layout": Case(
        "src/pkg/calc.py::add",
        GOOD,
        {
            "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["src"]\n',
            "src/pkg/__init__.py": "",
            "src/pkg/calc.py": CALC,
            "tests/conftest.py": "import pytest\n\n\n@pytest.fixture\ndef two():\n    return 2\n",
            "tests/test_calc.py": "from pkg.calc import add\n\n\ndef test(two):\n    assert add(two, two) == 4\n",
        },
    ),
    "CRLF": Case(
        "calc.py::add",
        GOOD,
        {"calc.py": CALC.replace("\n", "\r\n"), "test_calc.py": TEST_CALC},
        STUB.replace("\n", "\r\n").encode(),
        ADDS.replace("\n", "\r\n").encode(),
    ),
    "latin-1": Case(
        "calc.py::add",
        fenced('def add(a, b):\n    "Somme"\n    return a + b if a != "é" else "née"'),
        {
            "calc.py": f"# -*- coding: latin-1 -*-\nCAFÉ = 'é'\n{CALC}".encode("latin-1"),
            "test_calc.py": TEST_CALC,
        },
        STUB.encode(),
        '    return a + b if a != "é" else "née"\n'.encode("latin-1"),
    ),
    "doctests that the project configures": Case(
        "calc.py::add",
        GOOD,
        {
            "pytest.ini": "[pytest]\naddopts = --doctest-modules\n",
            "calc.py": CALC.replace("both.", "both.\n\n    >>> add(1, 2)\n    3\n    "),
        },
    ),
}
