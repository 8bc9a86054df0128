"""Answers that hold no usable function: each is told apart in a note, and the next one is asked for."""

from __future__ import annotations

from pathlib import Path

from doubles.command import Scripted
from doubles.openai_server import Reply
from doubles.projects import GOOD, add_answer, calc, fenced

UNUSABLE: dict[str, tuple[str | Reply, str]] = {
    "empty": ("", "the answer is empty"),
    "prose": ("I would add both numbers and give back their sum.", "no code in it"),
    "two others": (
        fenced("def plus(x, y):\n    return x + y\n\n\ndef minus(x, y):\n    return x - y"),
        "does not define add",
    ),
    "class": (
        fenced(
            "class Adder:\n    def __init__(self):\n        self.n = 0\n    def run(self):\n        return 1"
        ),
        "does not define add",
    ),
    "cut": (
        Reply(("```python\ndef add(a, b):\n    total = a\n    total +=",), finish="length"),
        "cut at the token limit",
    ),
    "endless": (Reply(("```python\ndef add(a, b):\n", *["    a = a + b\n"] * 400)), "repeats itself"),
    "stub": (add_answer("..."), "only a placeholder"),
    "left out": (add_answer("total = a\n...\nreturn total"), "leaves a part out"),
    "tests": (
        "In test_calc.py:\n" + fenced("def test_small():\n    assert True"),
        "does not define add",
    ),
    "garbage": (fenced("def add(a, b:\n  return )"), "cannot be parsed"),
}


async def test_unusable_answers_are_named_and_passed_over(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path)
    flowmill = await scripted(*(answer for answer, _ in UNUSABLE.values()), GOOD)
    ended = await flowmill.run("generate", "calc.py::add", "--apply", "--json")
    assert (ended.code, ended.err, ended.changed) == (0, "", ("calc.py",))
    notes = [note["text"] for note in ended.of("note") if "is not usable" in note["text"]]
    for number, (name, (_, words)) in enumerate(UNUSABLE.items(), 1):
        assert notes[number - 1].startswith(f"draft {number} is not usable: "), name
        assert words in notes[number - 1], name
    assert ended.finished["best"] == len(UNUSABLE) + 1


async def test_an_answer_that_also_edits_the_tests_edits_only_the_function(
    tmp_path: Path, scripted: Scripted
) -> None:
    calc(tmp_path)
    easier = fenced("# test_calc.py\ndef test_small():\n    assert True")
    flowmill = await scripted(f"First the tests:\n{easier}\nAnd the function:\n{GOOD}")
    ended = await flowmill.run("generate", "calc.py::add", "--max-calls", "1", "--apply", "--json")
    assert (ended.code, ended.changed) == (0, ("calc.py",))
    assert b"return a + b\n\n\ndef last" in flowmill.read("calc.py")


async def test_another_name_is_read_as_what_it_means(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path)
    flowmill = await scripted(fenced("def plus(x: int, y: int) -> int:\n    return x + y"))
    ended = await flowmill.run("generate", "calc.py::add", "--max-calls", "1", "--apply", "--json")
    assert ended.code == 0
    assert "the answer calls it plus" in ended.notes
    assert b"def add(a, b):\n" in flowmill.read("calc.py")
    assert b"    return a + b\n" in flowmill.read("calc.py")


async def test_drafts_that_cheat_or_do_not_fit(tmp_path: Path, scripted: Scripted) -> None:
    """A draft that answers the tests' own values, one that the file's encoding lacks, and the same again."""
    calc(
        tmp_path,
        calc_py="# -*- coding: latin-1 -*-\ndef add(a, b):\n    raise NotImplementedError\n",
        test_calc_py="""\
        import calc

        def test_it():
            assert calc.add(10, 20) == 30
            assert calc.add(40, 50) == 90
        """,
    )
    cheat = add_answer("if a == 10:\n    return 30\nif a == 40:\n    return 90")
    foreign = add_answer("return a + b  # \u2192 sum")
    wrong = add_answer("return a * b")
    flowmill = await scripted(cheat, foreign, wrong, wrong, GOOD)
    ended = await flowmill.run("generate", "calc.py::add", "--json")
    assert ended.code == 0
    assert "draft 1 is not trusted: it answers the tests' own values one by one" in ended.notes
    assert not ended.of("test", draft=1)
    assert "draft 2 is not run: " in ended.notes
    assert "draft 4 is not run: it is the same as draft 3" in ended.notes
    assert ended.finished["best"] == 5
