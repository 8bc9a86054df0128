"""`flowmill generate`, the real program: real files, the real pytest, and a scripted model."""

from __future__ import annotations

from pathlib import Path

import pytest

from doubles.command import Scripted
from doubles.projects import (
    ADDS,
    CALC,
    CASES,
    GOOD,
    HALF,
    HALF_BODY,
    STUB,
    WRONG,
    Case,
    add_answer,
    calc,
    fenced,
    write,
)

SOLVED = CALC.replace(STUB, ADDS).encode()
GENERATE = ("generate", "calc.py::add", "--max-calls", "2")


async def test_apply_writes_the_function_and_nothing_else(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path)
    flowmill = await scripted(GOOD)
    ended = await flowmill.run(*GENERATE, "--apply")
    assert (ended.code, ended.err) == (0, "")
    assert ended.changed == ("calc.py",)
    assert flowmill.read("calc.py") == SOLVED
    assert "-    raise NotImplementedError\n+    return a + b\n" in ended.out
    assert "before: 4 failed\nafter:  4 passed\n" in ended.out
    assert "Verified: all 4 tests that reach `add` pass; before, 4 did not." in ended.out
    assert "Written to calc.py." in ended.out
    assert ended.peak_kb < 120_000


async def test_the_default_is_a_diff_and_no_change(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path)
    flowmill = await scripted(GOOD)
    ended = await flowmill.run(*GENERATE, "--json")
    assert (ended.code, ended.err, ended.changed) == (0, "", ())
    started, end = ended.events[0], ended.finished
    assert (started["mode"], started["strategy"], started["model"]) == ("generate", "flow", "scripted")
    assert started["target"] == {
        "file": str(flowmill.root / "calc.py"),
        "qualname": "add",
        "start": 10,
        "end": 12,
    }
    assert started["budget"]["calls"] == 2
    assert (end["status"], end["best"]) == ("verified", 1)
    assert end["diff"].startswith("--- a/calc.py\n+++ b/calc.py\n")
    assert end["evidence"] == {"before": {"failed": 4}, "after": {"passed": 4}, "held_back": {}}
    assert len(ended.of("test", draft=0, outcome="failed")) == 4
    assert len(ended.of("test", draft=1, outcome="passed")) == 4
    assert ended.of("draft.scored", draft=1, passed=4, failed=0, best=True)
    assert "".join(event["text"] for event in ended.of("draft.delta", draft=1)) == GOOD
    assert all(test["id"].startswith("test_calc.py::") for test in ended.of("tests.selected")[0]["tests"])


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
async def test_shapes_of_code_and_of_tests(case: Case, tmp_path: Path, scripted: Scripted) -> None:
    write(tmp_path, case.files)
    flowmill = await scripted(case.answer)
    ended = await flowmill.run("generate", case.target, "--max-calls", "1", "--apply", "--json")
    assert (ended.code, ended.err) == (0, ""), ended.notes
    assert flowmill.read(case.file) == case.expected
    assert ended.changed == (case.file,)


INDIRECT = {
    "shop.py": """
def grown(prices, by):
    raise NotImplementedError


def report(prices):
    return sum(grown(prices, 2))


def title():
    return "shop"
""",
    "test_shop.py": """
import shop


def test_title():
    assert shop.title() == "shop"


def test_the_whole_sum():
    assert shop.report((1, 2)) == 7
""",
}


async def test_the_model_sees_who_calls_the_function_and_with_what(
    tmp_path: Path, scripted: Scripted
) -> None:
    """A test that does not reach the function is none of its tests, however short it is."""
    write(tmp_path, INDIRECT)
    flowmill = await scripted(fenced("def grown(prices, by):\n    return [price + by for price in prices]\n"))
    ended = await flowmill.run("generate", "shop.py::grown", "--max-calls", "1")
    assert ended.code == 0
    prompt = flowmill.server.requests[0].text
    assert "grown(prices=(1, 2), by=2)" in prompt
    assert "return sum(grown(prices, 2))" in prompt
    assert "test_the_whole_sum" in prompt
    assert "test_title" not in prompt


async def test_given_tests_are_all_that_counts(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path)
    flowmill = await scripted(HALF)
    named = ("test_calc.py::test_small", "test_calc.py::test_pairs[0-0-0]")
    ended = await flowmill.run(*GENERATE, "--json", "--tests", named[0], "--tests", named[1])
    assert ended.code == 0
    (selected,) = ended.of("tests.selected")
    assert (selected["how"], {test["id"] for test in selected["tests"]}) == ("given", set(named))
    assert ended.finished["evidence"]["after"] == {"passed": 2}


@pytest.mark.parametrize(
    ("strategy", "answers", "calls"),
    [("direct", [GOOD], 1), ("sample", [WRONG, GOOD], 2), ("alphacodium", ["1. Add them.", GOOD], 6)],
)
async def test_strategies(
    strategy: str, answers: list[str], calls: int, tmp_path: Path, scripted: Scripted
) -> None:
    calc(tmp_path)
    flowmill = await scripted(*answers)
    ended = await flowmill.run(
        "generate", "calc.py::add", "--json", "--strategy", strategy, "--max-calls", "6"
    )
    assert ended.code == 0
    assert ended.events[0]["strategy"] == strategy
    assert ended.finished["calls"] >= calls
    names = {event["name"] for event in ended.of("stage")}
    assert ("reflect" in names) == (strategy == "alphacodium")


async def test_direct_takes_the_first_answer_as_it_is(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path)
    flowmill = await scripted(WRONG, GOOD)
    ended = await flowmill.run("generate", "calc.py::add", "--json", "--strategy", "direct")
    assert ended.code == 1
    assert len(flowmill.server.requests) == ended.finished["calls"] == 1


async def test_drafts_that_are_all_wrong(tmp_path: Path, scripted: Scripted) -> None:
    """The one that came closest is shown with its evidence, and not written even with --apply."""
    calc(tmp_path)
    flowmill = await scripted(add_answer("return None"), add_answer("return [a, b]"))
    ended = await flowmill.run(*GENERATE, "--apply")
    assert (ended.code, ended.err, ended.changed) == (1, "", ())
    assert "+    return " in ended.out
    assert "after:  4 failed" in ended.out
    assert "Not solved" in ended.out
    assert "Nothing written" in ended.out
    assert "the limit of 2 model calls is used up" in ended.out


async def test_one_call_is_one_call(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path)
    flowmill = await scripted(HALF, GOOD)
    ended = await flowmill.run("generate", "calc.py::add", "--max-calls", "1", "--apply", "--json")
    assert (ended.code, ended.changed) == (1, ())
    assert ended.finished["status"] == "improved"
    assert ended.finished["evidence"]["after"] == {"failed": 1, "passed": 3}
    assert HALF_BODY in ended.finished["diff"]
    assert len(flowmill.server.requests) == ended.finished["calls"] == 1


async def test_a_merely_better_draft_is_written_if_the_user_allows_it(
    tmp_path: Path, scripted: Scripted
) -> None:
    calc(tmp_path)
    flowmill = await scripted(HALF)
    ended = await flowmill.run(*GENERATE, "--apply", "--allow-unverified")
    assert (ended.code, ended.changed) == (1, ("calc.py",))
    assert "Better, but not verified: 3 of 4 tests pass" in ended.out
    assert "Written to calc.py." in ended.out


async def test_what_is_better_stays_best(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path)
    flowmill = await scripted(HALF, WRONG)
    ended = await flowmill.run(*GENERATE, "--json")
    assert (ended.code, ended.finished["best"]) == (1, 1)
    assert ended.of("draft.scored", draft=2)


async def test_the_model_never_sees_a_held_back_test(tmp_path: Path, scripted: Scripted) -> None:
    names = ("one", "two", "three", "four", "five")
    tests = [
        f"def test_{name}():\n    assert calc.add({n}, {n}) == {2 * n}\n" for n, name in enumerate(names)
    ]
    calc(tmp_path, test_calc_py="import calc\n\n\n" + "\n\n".join(tests))
    flowmill = await scripted(GOOD)
    ended = await flowmill.run(*GENERATE, "--json")
    assert ended.code == 0
    assert ended.finished["evidence"]["after"] == {"passed": 5}
    assert ended.finished["evidence"]["held_back"] == {"passed": 1}
    seen = flowmill.server.requests[0].text
    assert sum(f"def test_{name}" in seen for name in names) == 4


def flickering(folder: Path, good: int) -> str:
    """Tests of which one looks at how often it ran; `good` is the remainder by two of the runs it passes in."""
    return f"""\
    import pathlib
    import calc

    def test_steady():
        assert calc.add(1, 2) == 3

    def test_flickers():
        assert calc.add(0, 0) == 0
        with pathlib.Path({str(folder / "runs")!r}).open("a") as runs:
            runs.write(".")
            assert runs.tell() % 2 == {good}
    """


async def test_a_draft_whose_tests_pass_and_fail_at_random_is_not_trusted(
    tmp_path: Path, scripted: Scripted
) -> None:
    """It passes with the draft and fails when the winner is confirmed: whose chance it is, nobody can tell."""
    calc(
        tmp_path,
        test_calc_py=flickering(tmp_path, 0),
    )
    (tmp_path / "runs").write_text(".")
    flowmill = await scripted(GOOD)
    ended = await flowmill.run(*GENERATE, "--json", "--apply", "--sandbox", "off")
    assert (ended.code, ended.changed) == (1, ())
    assert ended.finished["status"] == "improved"
    assert "test_flickers passed and then failed at random" in ended.notes


async def test_a_test_that_flickers_on_the_users_own_code_does_not_count(
    tmp_path: Path, scripted: Scripted
) -> None:
    calc(tmp_path, calc_py=CALC.replace(STUB, "    return a - b\n"), test_calc_py=flickering(tmp_path, 0))
    flowmill = await scripted(GOOD)
    # Mutations would run the test who knows how often.
    how = ("--strategy", "sample", "--sandbox", "off")
    ended = await flowmill.run("repair", "calc.py::add", "--json", *how)
    assert ended.code == 0
    assert "test_flickers: passes and fails at random on the same code; it does not count" in ended.notes
    assert ended.finished["evidence"]["after"] == {"passed": 1}


async def test_imports_of_a_draft_come_with_it(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path)
    flowmill = await scripted(fenced("def add(a, b):\n    return operator.add(a, b)"))
    ended = await flowmill.run(*GENERATE, "--apply")
    assert ended.code == 0
    expected = CALC.replace(STUB, "    return operator.add(a, b)\n")
    assert flowmill.read("calc.py").decode() == expected.replace(
        '"""Sums."""\n', '"""Sums."""\n\nimport operator\n'
    )
