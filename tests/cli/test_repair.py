"""`flowmill repair`, and what neither command does to a function that works."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from doubles.command import PATIENCE, Scripted
from doubles.openai_server import Reply, error
from doubles.projects import ADDS, CALC, GOOD, STUB, add_answer, calc, fenced, write

BROKEN = CALC.replace(STUB, "    return a - b\n")
WORKING = CALC.replace(STUB, ADDS)


async def test_repair_starts_from_the_failing_case(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path, calc_py=BROKEN)
    flowmill = await scripted(GOOD)
    ended = await flowmill.run("repair", "calc.py::add", "--max-calls", "2", "--apply", "--json")
    assert (ended.code, ended.err, ended.changed) == (0, "", ("calc.py",))
    assert flowmill.read("calc.py").decode() == WORKING
    assert ended.events[0]["mode"] == "repair"
    assert ended.finished["evidence"]["before"] == {"failed": 3, "passed": 1}
    assert ended.finished["evidence"]["after"] == {"passed": 4}
    prompt = flowmill.server.requests[0].text
    assert "return a - b" in prompt
    assert "Failing test `test_" in prompt
    assert "assert -1 == 3" in prompt or "assert -1 == 5" in prompt or "assert -2 == 0" in prompt


async def test_repair_in_words(tmp_path: Path, scripted: Scripted) -> None:
    """Better is not verified: what it got to is shown, and nothing is written."""
    calc(tmp_path, calc_py=BROKEN)
    flowmill = await scripted(add_answer("return abs(a) + abs(b)"))
    ended = await flowmill.run(
        "repair", "calc.py::add", "--strategy", "sample", "--max-calls", "1", "--apply"
    )
    assert (ended.code, ended.err, ended.changed) == (1, "", ())
    assert "as it is: 1 passed, 3 failed; first fault: test_calc.py::" in ended.out
    assert "-    return a - b\n+    return abs(a) + abs(b)\n" in ended.out
    assert "Better, but not verified: 3 of 4 tests pass; before, 1 did." in ended.out
    assert "Nothing written" in ended.out


async def test_a_slip_is_mended_while_the_model_is_silent(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path, calc_py=BROKEN)
    flowmill = await scripted(Reply(("```python\n",), ending="stall"))
    ended = await flowmill.run("repair", "calc.py::add", "--max-seconds", "60", "--apply", "--json")
    assert (ended.code, ended.changed) == (0, ("calc.py",)), ended.notes
    assert flowmill.read("calc.py").decode() == WORKING
    (best,) = ended.of("draft", draft=ended.finished["best"])
    assert best["origin"] == "mutation"
    assert "tried without the model" in ended.notes


async def test_a_fault_that_stops_the_import_is_mended(tmp_path: Path, scripted: Scripted) -> None:
    """The tests cannot be collected, and it is the function that is to blame."""
    calc(tmp_path, calc_py=CALC.replace(STUB, "    return a + c\n") + "\n\nTWO = add(1, 1)\n")
    flowmill = await scripted(GOOD)
    ended = await flowmill.run("repair", "calc.py::add", "--max-calls", "2", "--json")
    assert (ended.code, ended.err) == (0, ""), ended.notes
    assert ended.finished["evidence"]["after"]["passed"] >= 4


async def test_an_import_may_be_all_that_is_missing(tmp_path: Path, scripted: Scripted) -> None:
    body = "    return operator.add(a, b)\n"
    calc(tmp_path, calc_py=CALC.replace(STUB, body))
    flowmill = await scripted(add_answer(body))
    ended = await flowmill.run("repair", "calc.py::add", "--json")
    assert (ended.code, ended.err) == (0, ""), ended.notes
    assert "+import operator" in ended.finished["diff"]


async def test_a_written_body_without_tests_is_left_alone(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path, calc_py=WORKING, test_calc_py="def test_other():\n    assert True\n")
    flowmill = await scripted()
    ended = await flowmill.run("generate", "calc.py::add", "--apply", "--allow-unverified")
    assert (ended.code, ended.changed) == (1, ())
    assert "nothing fails here" in ended.out


async def test_without_a_target_each_function_at_fault_is_repaired(
    tmp_path: Path, scripted: Scripted
) -> None:
    calc(tmp_path, calc_py=BROKEN.replace("return 2 * a", "return a.two"))
    twice = fenced("def twice(a):\n    return 2 * a")
    flowmill = await scripted(Reply((GOOD,), when="def test_small"), twice)
    ended = await flowmill.run("repair", "--max-calls", "2", "--apply", "--json")
    assert (ended.code, ended.changed) == (0, ("calc.py",)), ended.err
    assert flowmill.read("calc.py").decode() == WORKING
    assert "4 tests fail; they point at " in ended.err
    assert {event["target"]["qualname"] for event in ended.of("run.started")} == {"add", "twice"}


SHOP = '''\
def tax(amount):
    """A fifth of the amount."""
    return amount / 4


def total(amounts):
    """The sum with its tax."""
    return sum(amounts) + tax(sum(amounts))


def largest(amounts):
    """The largest amount, 0 of none."""
    return max(amounts)
'''
TEST_SHOP = """\
from shop import largest, tax, total


def test_tax():
    assert tax(10) == 2


def test_total():
    assert total([10, 20]) == 36


def test_total_of_none():
    assert total([]) == 0


def test_largest():
    assert [largest([]), largest([1, 2])] == [0, 2]
"""


async def test_without_a_target_what_failing_tests_execute_most_comes_first(
    tmp_path: Path, scripted: Scripted
) -> None:
    """`total` fails only because of `tax`: once that is repaired, nothing of it is touched."""
    project = {"shop.py": SHOP, "test_shop.py": TEST_SHOP}
    write(tmp_path, project)
    tax = fenced("def tax(amount):\n    return amount / 5")
    largest = fenced("def largest(amounts):\n    return max(amounts, default=0)")
    flowmill = await scripted(Reply((tax,), when="`tax`"), largest)
    ended = await flowmill.run("repair", "--strategy", "sample", "--max-calls", "1")
    assert (ended.code, ended.changed) == (0, ()), ended.err
    assert "3 tests fail; they point at " in ended.err
    together = ended.out.partition("All repairs together:")[2]
    assert "-    return amount / 4\n+    return amount / 5\n" in together
    assert "-    return max(amounts)\n+    return max(amounts, default=0)\n" in together
    assert "total" not in ended.err.partition("repaired: ")[2]
    assert "still fail" not in ended.err


async def test_without_a_target_faults_that_share_no_test_are_repaired_at_once(
    tmp_path: Path, scripted: Scripted
) -> None:
    """Both models' answers stand still until both have begun."""
    write(tmp_path, {"shop.py": SHOP, "test_shop.py": TEST_SHOP})
    gate = asyncio.Event()
    tax, largest = (
        "def tax(amount):\n    return amount / 5",
        "def largest(amounts):\n    return max(amounts, default=0)",
    )
    flowmill = await scripted(
        Reply(("```python\n", f"{tax}\n```"), when="`tax`", gate=gate),
        Reply(("```python\n", f"{largest}\n```"), when="`largest`", gate=gate),
    )
    options = ("--strategy", "sample", "--max-calls", "1", "--apply", "--json")
    async with flowmill.start("repair", *options) as running:
        await asyncio.wait_for(flowmill.server.asked(2), PATIENCE)
        gate.set()
        ended = await asyncio.wait_for(running.end(), PATIENCE)
    assert (ended.code, ended.changed) == (0, ("shop.py",)), ended.err
    assert b"amount / 5" in flowmill.read("shop.py")
    assert b"default=0" in flowmill.read("shop.py")
    assert "3 of 3 tests that failed pass now; 2 model calls, " in ended.err


PAIR = "def first():\n    return 0\n\n\ndef second():\n    return 0\n"
TEST_PAIR = """\
from pair import first, second


def test_first():
    assert first() == 1


def test_second():
    assert second() >= 1


def test_both():
    assert first() + second() <= 2
"""


async def test_without_a_target_repairs_that_do_not_go_together_are_made_one_after_the_other(
    tmp_path: Path, scripted: Scripted
) -> None:
    """Each passes all tests alone; what the first one is, the second one is told before it is made again."""
    write(tmp_path, {"pair.py": PAIR, "test_pair.py": TEST_PAIR})
    gate = asyncio.Event()
    flowmill = await scripted(
        Reply(("```python\n", "def first():\n    return 1\n```"), when="`first`"),
        Reply(("```python\n", "def second():\n    return 2\n```"), when="`second`", gate=gate),
        Reply(("```python\ndef second():\n    return 1\n```",), when="`second`"),
    )
    options = ("--strategy", "sample", "--max-calls", "1", "--apply", "--json")
    async with flowmill.start("repair", *options) as running:
        await running.until("run.finished")
        gate.set()
        ended = await asyncio.wait_for(running.end(), PATIENCE)
    assert (ended.code, ended.changed) == (0, ("pair.py",)), ended.err
    assert flowmill.read("pair.py").decode() == PAIR.replace("return 0", "return 1")
    assert "pair.py::second is repaired again, together with what was repaired meanwhile\n" in ended.err
    assert "repaired: pair.py::first, pair.py::second\n" in ended.err


async def test_without_a_target_a_model_that_refuses_ends_all_of_them(
    tmp_path: Path, scripted: Scripted
) -> None:
    write(tmp_path, {"shop.py": SHOP, "test_shop.py": TEST_SHOP})
    flowmill = await scripted(error(401, "no such key"), error(401, "no such key"))
    ended = await flowmill.run("repair", "--strategy", "sample", "--apply")
    assert (ended.code, ended.changed) == (4, ()), ended.err
    assert ended.err.count("refused the key (401)") == 1


async def test_without_a_target_what_is_left_is_named(tmp_path: Path, scripted: Scripted) -> None:
    write(tmp_path, {"shop.py": SHOP, "test_shop.py": TEST_SHOP})
    flowmill = await scripted(fenced("def tax(amount):\n    return amount / 5"))
    ended = await flowmill.run("repair", "--strategy", "sample", "--max-calls", "1", "--apply")
    assert (ended.code, ended.changed) == (1, ("shop.py",)), ended.err
    assert "repaired: shop.py::tax\n" in ended.err
    assert "shop.py::largest (no draft came closer)" in ended.err
    assert "1 test still fails: test_shop.py::test_largest\n" in ended.err


async def test_without_a_target_only_the_tests_that_are_given_count(
    tmp_path: Path, scripted: Scripted
) -> None:
    write(tmp_path, {"shop.py": SHOP, "test_shop.py": TEST_SHOP})
    flowmill = await scripted(fenced("def largest(amounts):\n    return max(amounts, default=0)"))
    given = ("--tests", "test_shop.py::test_largest")
    ended = await flowmill.run("repair", "--strategy", "sample", "--max-calls", "1", *given)
    assert (ended.code, ended.changed) == (0, ()), ended.err
    assert "1 test fails; they point at largest\n" in ended.err
    ended = await flowmill.run("repair", "--tests", "test_shop.py::test_no")
    assert (ended.code, ended.out) == (2, "")
    assert "--tests: no test matches test_shop.py::test_no" in ended.err


TWICE = """\
import sys


def two():
    return 3


if sys.platform:
    def largest(amounts):
        return max(amounts)
else:
    def largest(amounts):
        return max(amounts)
"""
TEST_TWICE = "import shop\n\n\ndef test_two():\n    assert shop.two() == 2\n\n\ndef test_largest():\n    assert shop.largest([]) == 0\n"


async def test_without_a_target_a_name_that_two_functions_have_is_told_with_its_line(
    tmp_path: Path, scripted: Scripted
) -> None:
    """The other suspects are repaired, though the first repair moves that line."""
    write(tmp_path, {"shop.py": TWICE, "test_shop.py": TEST_TWICE})
    two = fenced("def two():\n    one = 1\n    return one + 1")
    flowmill = await scripted(Reply((two,), when="`two`"), fenced("def largest(amounts):\n    return 1"))
    ended = await flowmill.run("repair", "--strategy", "sample", "--max-calls", "1", "--apply")
    assert (ended.code, ended.changed) == (1, ("shop.py",)), ended.err
    assert "they point at largest@12, two\n" in ended.err
    assert "repaired: shop.py::two\n" in ended.err
    assert "shop.py::largest@12 (" in ended.err


async def test_without_a_target_and_without_a_fault(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path, calc_py=WORKING)
    flowmill = await scripted(GOOD)
    ended = await flowmill.run("repair", "--apply")
    assert (ended.code, ended.changed) == (1, ())
    assert "nothing fails here" in ended.err
    assert flowmill.server.requests == []


@pytest.mark.parametrize("mode", ["generate", "repair"])
async def test_a_working_function_is_left_alone(mode: str, tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path, calc_py=WORKING)
    flowmill = await scripted(GOOD)
    ended = await flowmill.run(mode, "calc.py::add", "--max-calls", "2", "--apply")
    assert (ended.code, ended.err, ended.changed) == (1, "", ())
    assert "nothing fails here" in ended.out
    assert "--force rewrites it all the same" in ended.out
    assert flowmill.server.requests == []


async def test_force_rewrites_it_all_the_same(tmp_path: Path, scripted: Scripted) -> None:
    calc(tmp_path, calc_py=WORKING)
    flowmill = await scripted(add_answer("return sum((a, b))"))
    ended = await flowmill.run("repair", "calc.py::add", "--max-calls", "1", "--force", "--apply", "--json")
    assert (ended.code, ended.changed) == (0, ("calc.py",))
    assert "nothing fails here" not in ended.notes
    assert ended.finished["evidence"] == {"before": {"passed": 4}, "after": {"passed": 4}, "held_back": {}}
    assert b"    return sum((a, b))\n" in flowmill.read("calc.py")
