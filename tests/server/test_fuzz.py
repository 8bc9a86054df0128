"""Ten thousand messages that no editor should send: the server lives, keeps to the protocol, and keeps nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from doubles.lsp import Peer, log, start
from doubles.nonsense import Nonsense

SEED = 20251
WARM, MESSAGES, BATCH = 3_000, 10_000, 500
MOST_GROWTH = 12e6
"""Bytes. A few kept for each message would be more: the log's thread and the documents' texts move it too."""
NOWHERE = {"FLOWMILL_BASE_URL": "http://127.0.0.1:9/v1", "FLOWMILL_API_KEY": "none"}


@dataclass(frozen=True)
class Use:
    memory: int
    descriptors: int
    threads: int


def use(pid: int) -> Use:
    process = Path(f"/proc/{pid}")
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    memory = int(status["VmRSS"].split()[0]) * 1024
    return Use(memory, len([*(process / "fd").iterdir()]), int(status["Threads"]))


async def still_there(peer: Peer, name: str) -> None:
    """Rubbish may swallow the first of them: it may have claimed to be longer than it was."""
    after = len(peer.got)
    for number in range(3):
        peer.ask("workspace/executeCommand", {"command": "flow.runs"}, f"{name}-{number}")
    answer = await peer.until(lambda m: m.get("id") == f"{name}-2", f"sign of life {name}", after)
    assert isinstance(answer["result"], list)


async def pour(peer: Peer, nonsense: Nonsense, count: int) -> None:
    for batch in range(0, count, BATCH):
        for data in nonsense.frames(BATCH):
            peer.write(data)
        await peer.drain()
        await still_there(peer, f"{count}-{batch}")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
async def test_nonsense(tmp_path: Path) -> None:
    nonsense = Nonsense(SEED)
    async with start(tmp_path, env=NOWHERE) as peer:
        await peer.initialize(initializationOptions={"flow": {"events": True}})
        await pour(peer, nonsense, WARM)
        before = use(peer.pid)
        await pour(peer, nonsense, MESSAGES)
        after = use(peer.pid)
        assert peer.failure is None
        assert after.memory - before.memory < MOST_GROWTH
        assert after.descriptors <= before.descriptors
        assert after.threads <= before.threads + 4
        shown = Counter(m["params"]["message"] for m in peer.got if m.get("method") == "window/showMessage")
        assert shown == {}
        await peer.call("shutdown")
        peer.notify("exit")
        assert await peer.ended() == 0
        assert await peer.errors() == ""
    assert "Traceback" not in log(tmp_path)
