"""Real test runs on tiny projects, and a check after each that the project was not touched."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flowmill.protocols import Runner
from flowmill.runner.cold import ColdRunner
from flowmill.shapes import Collected, Project, RunEnd, Target, TestLimits, TestOrder, TestResult

QUICK = TestLimits(run_seconds=60.0, test_seconds=20.0)
SHORT = TestLimits(run_seconds=60.0, test_seconds=0.5, timeouts=5)


@dataclass(frozen=True)
class Told:
    """All that one run yielded."""

    collected: Collected | None
    results: tuple[TestResult, ...]
    end: RunEnd

    @property
    def outcomes(self) -> dict[str, str]:
        return {result.id.partition("::")[2]: result.outcome for result in self.results}

    def result(self, name: str) -> TestResult:
        (found,) = [result for result in self.results if result.id.endswith(name)]
        return found


class TinyProject:
    """A project in a folder of the test, run by this interpreter unless told otherwise."""

    def __init__(
        self,
        folder: Path,
        files: dict[str, str],
        *,
        python: str = sys.executable,
        make: Callable[[Project, Path], Runner] = ColdRunner,
        cache: Path | None = None,
    ) -> None:
        self.root = folder / "project"
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        self.root.mkdir(exist_ok=True)
        self.project = Project(self.root, Path(python), "--python")
        self.runner = make(self.project, cache or folder / "cache")

    def target(self, file: str, qualname: str) -> Target:
        return Target(self.root / file, qualname, 1, 1)

    async def run(self, order: TestOrder) -> Told:
        """Run to the end; the project is byte for byte as before."""
        before = tree(self.root)
        messages = [message async for message in self.runner.run(order)]
        assert tree(self.root) == before
        await self.runner.aclose()
        *others, end = messages
        assert isinstance(end, RunEnd)
        collected = [message for message in others if isinstance(message, Collected)]
        assert others[: len(collected)] == collected
        assert len(collected) <= 1
        results = tuple(message for message in others if isinstance(message, TestResult))
        return Told(collected[0] if collected else None, results, end)


def tree(root: Path) -> dict[str, str]:
    """Every path below the root with a digest of its content."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes() if path.is_file() else b"").hexdigest()
        for path in sorted(root.rglob("*"))
    }


def alive(pid: int) -> bool:
    """Whether this process runs; one that is dead and not yet reaped by init does not."""
    with suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state not in ("Z", "X")
    return False


def descendants(pid: int) -> list[int]:
    """The living processes below this one, by /proc."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        with suppress(OSError, ValueError):
            number = int(entry.name)
            parents[number] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found: list[int] = []
    todo = [pid]
    while todo:
        parent = todo.pop()
        below = [child for child, above in parents.items() if above == parent and alive(child)]
        found += below
        todo += below
    return found
