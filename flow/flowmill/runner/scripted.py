"""A runner that runs nothing: for tests of what is built on a runner."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence

from flowmill.shapes import Collected, RunEnd, RunnerMessage, TestOrder, TestRef, TestResult

Script = Callable[[TestOrder], Sequence[TestResult]]


class ScriptedRunner:
    """Answers each order with what `script` makes of it.

    `refs` gives tests another trust than "project"; `end` and `fault` say how a run
    ends: `fault` may name a problem, in which case nothing is collected. `delay` passes
    before each result. `orders` keeps what was asked, `closed` whether `aclose` was called.
    """

    def __init__(
        self,
        script: Script,
        *,
        refs: Sequence[TestRef] = (),
        reached: frozenset[str] | None = None,
        fault: Callable[[TestOrder], RunEnd | None] | None = None,
        delay: float = 0.0,
    ) -> None:
        self.orders: list[TestOrder] = []
        self.closed = False
        self._script = script
        self._refs = {ref.id: ref for ref in refs}
        self._reached = reached
        self._fault = fault
        self._delay = delay

    async def run(self, order: TestOrder) -> AsyncGenerator[RunnerMessage, None]:
        self.orders.append(order)
        fault = self._fault(order) if self._fault else None
        if fault is not None:
            yield fault
            return
        results = [result for result in self._script(order) if self._kept(result.id, order)]
        yield Collected(tuple(self._refs.get(result.id, TestRef(result.id)) for result in results))
        for result in results:
            await asyncio.sleep(self._delay)
            yield result
        yield self._end(order, results)

    def _end(self, order: TestOrder, results: Sequence[TestResult]) -> RunEnd:
        ids = frozenset(result.id for result in results)
        reached = ids if self._reached is None else ids & self._reached
        seconds = sum(result.seconds for result in results)
        return RunEnd(
            None if results else "no_tests", reached=None if order.trace is None else reached, seconds=seconds
        )

    def _kept(self, test: str, order: TestOrder) -> bool:
        """As a real runner selects: an entry of `keep` is the test, or what it lies below."""
        if order.files == () and self._refs.get(test, TestRef(test)).trust == "project":
            return test.startswith("flowmill::made::")
        return not order.keep or any(
            test == entry or test.startswith((f"{entry}::", f"{entry}[", f"{entry}/")) for entry in order.keep
        )

    async def aclose(self) -> None:
        self.closed = True
