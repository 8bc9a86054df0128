"""Judges hostile drafts as flowmill would, beside things that they must not get at, and tells what they did.

Started by test_hostile.py as the user that it is about, with a folder of its own. It takes
drafts as JSON lines on stdin and answers each with a JSON line: the verdict, and every
effect that was seen outside of the sandbox.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from flowmill.runner import wire
from flowmill.runner.warm import WarmRunner
from flowmill.shapes import Collected, Project, RunEnd, Target, TestLimits, TestOrder, TestResult
from hostile.outside import STUB, Outside, Seen, processes
from hostile.paths import ELSEWHERE, open_runner

HONEST = "    return a + b"
DYING_SECONDS = 3.0
"""How long it may take until a draft's processes are gone, on a busy machine."""
LIMITS = TestLimits(run_seconds=15.0, test_seconds=0.5, timeouts=1, output_bytes=200_000)


@dataclass
class Answer:
    """What a draft came to. `effects` are those outside of the sandbox, in words; none are allowed."""

    outcomes: dict[str, str] = field(default_factory=dict[str, str])
    problem: str | None = None
    detail: str = ""
    doubt: str = ""
    layers: list[str] = field(default_factory=list[str])
    path: str = ""
    slower: str = ""
    effects: list[str] = field(default_factory=list[str])
    texts: str = ""
    """All that flowmill was told and would show: messages, details and the run's own words."""

    @property
    def trusted_pass(self) -> bool:
        fine = bool(self.outcomes) and set(self.outcomes.values()) == {"passed"}
        return fine and self.problem is None and not self.doubt


class Arena:
    def __init__(self, root: Path, path: str) -> None:
        self._outside = Outside(root)
        self._path = path
        python = Path(sys.executable)
        self._runner = open_runner(path, Project(root / "project", python, "--python"), root / "cache")
        self._file = root / "project" / "calc.py"

    async def begin(self) -> Answer:
        """A run of the code as it stands, and one of an honest draft: from then on nothing may change."""
        await self._run(self._outside.source(STUB), untrusted=False)
        return await self._run(self._drafted(HONEST))

    def _drafted(self, body: str, head: str = "") -> str:
        return self._outside.filled(self._outside.source(body, head)) + ELSEWHERE.get(self._path, "")

    async def judge(self, body: str, head: str) -> Answer:
        before, running = self._outside.files(), processes().keys() - self._waiting()
        answer = await self._run(self._drafted(body, head))
        after = self._outside.files()
        answer.effects += [
            f"changed: {name}"
            for name in sorted(before.keys() | after.keys())
            if before.get(name) != after.get(name)
        ]
        answer.effects += self._outside.received()
        answer.effects += await self._survivors(running)
        if self._path == "cold":
            answer.effects += [f"left in the temporary folder: {name}" for name in self._outside.scratches()]
        if self._outside.secret in answer.texts:
            answer.effects.append("a secret in the report")
        if self._outside.mark in answer.texts:
            answer.effects.append("it tells that it got through")
        return answer

    def _waiting(self) -> frozenset[int]:
        """What the runner has made ahead for the next draft."""
        return self._runner.waiting() if isinstance(self._runner, WarmRunner) else frozenset()

    async def _survivors(self, before: set[int]) -> list[str]:
        """What lives on of a draft; it is ended here, so that the next one is not blamed for it."""
        until = time.monotonic() + DYING_SECONDS
        # Its process is reaped when its verdict is out, and the next one may be about to be there.
        while (found := self._left(before)) and time.monotonic() < until:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return [f"a process survived: {pid} {seen.words[:200]}" for pid, seen in found.items()]

    def _left(self, before: set[int]) -> dict[int, Seen]:
        now = processes()
        free = now[os.getpid()].filters
        mark, root = self._outside.mark, str(self._outside.root)
        return {
            pid: seen
            for pid, seen in now.items()
            if pid not in before | self._waiting()
            # A runner that loads tests ahead may have begun another process for it, which is not shut in.
            and (mark in seen.words or (root in seen.words and (self._path == "cold" or seen.filters > free)))
        }

    async def _run(self, text: str, *, untrusted: bool = True) -> Answer:
        # What traces is the user's own code: a runner that loads the tests ahead does it then.
        trace = None if untrusted else _target(self._file, text)
        order = TestOrder(
            {self._file: text.encode()}, ("test_calc.py",), trace=trace, untrusted=untrusted, limits=LIMITS
        )
        answer = Answer()
        texts: list[str] = []
        async for message in self._runner.run(order):
            if isinstance(message, TestResult):
                answer.outcomes[message.id.partition("::")[2]] = message.outcome
                texts += [message.message, message.details]
            elif isinstance(message, Collected):
                texts += [test.id for test in message.tests]
            else:
                _end(answer, message)
        answer.texts = "\n".join([*texts, answer.detail, answer.doubt])[: 20 * wire.DETAIL_CHARS]
        return answer

    async def serve(self) -> None:
        _say(asdict(await self.begin()))
        while line := await asyncio.to_thread(sys.stdin.readline):
            asked: dict[str, Any] = json.loads(line)
            _say(asdict(await self.judge(asked["body"], asked["head"])))
        await self._runner.aclose()


def _target(file: Path, text: str) -> Target:
    start = text.splitlines().index("def add(a, b):") + 1
    return Target(file, "add", start, start + 2)


def _end(answer: Answer, end: RunEnd) -> None:
    answer.problem, answer.detail, answer.doubt = end.problem, end.detail, end.doubt
    answer.layers, answer.path, answer.slower = list(end.layers), end.path, end.slower


def _say(answer: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(Arena(Path(sys.argv[1]), sys.argv[2]).serve())
