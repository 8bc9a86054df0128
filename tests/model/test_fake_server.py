"""The fake server as a process of its own, as other tests use it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from flowmill.model.client import OpenAIModel
from flowmill.shapes import Delta, Message, ModelProfile, Prompt

TESTS = Path(__file__).parents[1]


async def test_it_answers_by_the_script_and_ends_with_its_stdin(tmp_path: Path) -> None:
    script = tmp_path / "script.json"
    replies = [{"chunks": ["for b"], "when": "bbb"}, {"chunks": ["for a"]}]
    script.write_text(json.dumps({"replies": replies, "repeat": True}), "utf-8")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "doubles.openai_server", "--script", str(script)),
        cwd=TESTS,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    port = int(await process.stdout.readline())
    model = OpenAIModel(f"http://127.0.0.1:{port}/v1", "", ModelProfile("m"))
    for question in ("aaa", "bbb", "aaa"):
        prompt = Prompt((Message("user", question),))
        pieces = [piece async for piece in model.stream(prompt)]
        assert pieces[0] == Delta(f"for {question[0]}")
    await model.aclose()
    process.stdin.close()
    assert await asyncio.wait_for(process.wait(), 20) == 0
