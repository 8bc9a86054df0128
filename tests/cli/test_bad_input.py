"""Targets and options that cannot be: exit 2 and one clear line, before anything is begun."""

from __future__ import annotations

from pathlib import Path

import pytest

from doubles.command import Ended, Scripted
from doubles.projects import CALC, GOOD, calc

AMBIGUOUS = "if True:\n    def add(a, b): ...\nelse:\n    def add(a, b): ...\n"
CLASS = "class Sum:\n    def of(self, items): ...\n    def all(self): ...\n"
REFUSED: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "no such file": (("nowhere.py::add",), ("nowhere.py: no such file",)),
    "no Python file": (("pytest.ini::add",), ("pytest.ini is not a Python file",)),
    "a folder": ((".::add",), ("is a folder: name a Python file in it",)),
    "no function named": (("calc.py",), ("'calc.py' names no function: write FILE::QUALNAME",)),
    "no target": ((), ("generate needs a function: flowmill generate FILE::QUALNAME",)),
    "no such function": (("calc.py::ad",), ("calc.py has no function ad; the nearest: add",)),
    "no such method": (("klass.py::Sum.off",), ("has no function Sum.off; the nearest: Sum.of",)),
    "a test": (
        ("test_calc.py::test_small",),
        (
            "test_calc.py is a test file, and flowmill never edits those: name a function of the code it tests",
        ),
    ),
    "a class": (("klass.py::Sum",), ("is a class: name one of its functions: Sum.of, Sum.all",)),
    "ambiguous": (("two.py::add",), ("defines add 2 times, on lines 2, 4: pick one as add@2",)),
    "syntax error elsewhere": (("broken.py::add",), ("broken.py:6: ",)),
    "null characters": (("null.py::add",), ("holds null characters",)),
    "no such project": (("calc.py::add", "--project", "nowhere"), ("no such project folder: nowhere",)),
    "a project that is a file": (("calc.py::add", "--project", "calc.py"), ("must be a folder",)),
    "outside the project": (
        ("calc.py::add", "--project", "inner"),
        ("calc.py is outside the project ", "/inner: give the folder that holds it with --project"),
    ),
    "no such interpreter": (("calc.py::add", "--python", "./nowhere/python"), ("nowhere/python",)),
    "no calls": (("calc.py::add", "--max-calls", "0"), ("--max-calls 0: must be a whole number, 1 or more",)),
    "no number": (("calc.py::add", "--max-calls", "many"), ("--max-calls", "many")),
    "no time": (("calc.py::add", "--max-seconds", "-1"), ("--max-seconds", "a number of seconds above 0")),
    "no tokens": (("calc.py::add", "--max-tokens", "0"), ("--max-tokens 0: must be",)),
    "unknown strategy": (
        ("calc.py::add", "--strategy", "luck"),
        ("--strategy 'luck': must be one of flow, direct, sample, alphacodium",),
    ),
    "unknown option": (("calc.py::add", "--max-call", "--luck"), ("generate: ", "--max-call")),
    "no such option": (("calc.py::add", "--forse"), ("generate: no option --forse: did you mean --force?",)),
    "diff and apply": (("calc.py::add", "--diff", "--apply"), ("not allowed with",)),
}


@pytest.mark.parametrize(("args", "words"), REFUSED.values(), ids=REFUSED.keys())
async def test_refused(
    args: tuple[str, ...], words: tuple[str, ...], tmp_path: Path, scripted: Scripted
) -> None:
    calc(tmp_path, two_py=AMBIGUOUS, klass_py=CLASS, broken_py="def add(a, b): ...\n\n\n\n\ndef other(:\n")
    flowmill = await scripted(GOOD)
    (flowmill.root / "inner").mkdir()
    (flowmill.root / "pytest.ini").write_text("[pytest]\n")
    (flowmill.root / "null.py").write_bytes(b"def add(a, b): ...\n\0\n")
    ended = await flowmill.run("generate", *args, "--json")
    assert (ended.code, ended.out, ended.changed) == (2, "", ())
    for word in words:
        assert word in ended.err
    assert flowmill.server.requests == []
    assert one_line(ended)


def one_line(ended: Ended) -> bool:
    lines = ended.err.splitlines()
    return len(lines) == 1 and lines[0].startswith("flowmill: ")


@pytest.mark.parametrize(
    ("test", "words"),
    [
        ("test_no.py::test", "no such test file: test_no.py"),
        ("test_calc.py::test_no", "--tests: no test matches test_calc.py::test_no"),
    ],
)
async def test_no_such_test(test: str, words: str, tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path)
    flowmill = await scripted(GOOD)
    ended = await flowmill.run("generate", "calc.py::add", "--tests", test, "--json")
    assert (ended.code, ended.changed) == (2, ())
    assert words in ended.err
    assert flowmill.server.requests == []


async def test_a_bad_address_of_the_model(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path)
    flowmill = await scripted(GOOD)
    flowmill.base_url = "ftp://somewhere"
    ended = await flowmill.run("generate", "calc.py::add")
    assert (ended.code, ended.out) == (2, "")
    assert "--base-url" in ended.err
    assert "http://" in ended.err


async def test_what_a_project_may_not_set(tmp_path: Path, scripted: Scripted) -> None:
    """An endpoint in the project's own settings is named and not used."""
    settings = '[tool.flowmill]\nbase-url = "http://127.0.0.1:9/v1"\napi-key = "x"\nmax-calls = 1\n'
    calc(tmp_path)
    flowmill = await scripted(GOOD)
    (flowmill.root / "pyproject.toml").write_text(settings)
    ended = await flowmill.run("generate", "calc.py::add", "--json")
    assert ended.code == 0
    assert ended.events[0]["budget"]["calls"] == 1
    assert "[tool.flowmill] base-url is ignored" in ended.err
    assert "[tool.flowmill] api-key is ignored" in ended.err


async def test_one_of_several_is_picked_by_its_line(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path, calc_py=CALC.replace("def twice(a)", "def add(a)"))
    flowmill = await scripted(GOOD)
    ended = await flowmill.run("generate", "calc.py::add", "--json")
    assert ended.code == 2
    assert "pick one as add@6" in ended.err
    ended = await flowmill.run("generate", "calc.py::add@10", "--json", "--max-calls", "1")
    assert ended.code == 0, ended.notes
    assert ended.events[0]["target"]["start"] == 10
