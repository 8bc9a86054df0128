from __future__ import annotations

from flowmill.runner.scripted import ScriptedRunner
from flowmill.shapes import Collected, RunEnd, TestOrder, TestRef, TestResult

GOOD = TestResult("t.py::a", "passed", 0.1)
BAD = TestResult("t.py::b[1]", "failed", 0.1, "AssertionError")


async def test_it_tells_its_script() -> None:
    runner = ScriptedRunner(lambda order: [GOOD, BAD], refs=[TestRef("t.py::b[1]", "doctest")])
    told = [message async for message in runner.run(TestOrder({}))]
    refs = (TestRef("t.py::a"), TestRef("t.py::b[1]", "doctest"))
    assert told == [Collected(refs), GOOD, BAD, RunEnd(None, seconds=0.2)]
    assert runner.orders == [TestOrder({})]


async def test_it_selects_as_a_real_one_does() -> None:
    runner = ScriptedRunner(lambda order: [GOOD, BAD])
    told = [message async for message in runner.run(TestOrder({}, keep=("t.py::b",)))]
    assert told[:2] == [Collected((TestRef("t.py::b[1]"),)), BAD]


async def test_a_fault_is_all_there_is() -> None:
    fault = RunEnd("collection", "t.py: broken", through_target=True)
    runner = ScriptedRunner(lambda order: [GOOD], fault=lambda order: fault)
    assert [message async for message in runner.run(TestOrder({}))] == [fault]
    await runner.aclose()
    assert runner.closed
