"""OpenVINO against llama.cpp as the embedded model's engine: reading prompts, and writing one answer or four at once.

    python tests/benchmarks/engines.py
    python tests/benchmarks/engines.py --rounds 5 --prompt 8000

Each engine is started as flowmill starts it and asked over HTTP, in turns; medians of --rounds. A prompt is the
beginning of one of flowmill's own files, begun with a number so that it is read anew; the same one is then
answered by one, and by four at once. Tokens a second are those of the answers, from the first to the last.
Needs the weights (`flowmill model pull`), a processor with VNNI and a quiet machine: the load is printed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import openai
from grid import grid
from machine import setup

import flowmill.engine.search
from flowmill.model.embedded.catalogue import LARGE
from flowmill.model.embedded.launch import connect

ENGINES = ("llama.cpp", "openvino")
TOKENS = 96
TOGETHER = 4
TEXT = Path(flowmill.engine.search.__file__).read_text()


@dataclass(frozen=True)
class Round:
    """Seconds to start, prompt tokens a second, and tokens a second of one answer and of four."""

    start: float
    reading: float
    alone: float
    together: float


async def measure(engine: str, text: str, number: int) -> Round:
    os.environ["FLOWMILL_ENGINE"] = engine
    began = time.monotonic()
    async with await connect(LARGE) as server:
        start = time.monotonic() - began
        async with openai.AsyncOpenAI(base_url=server.base_url, api_key=server.api_key) as client:
            prompt = f"# {number} {time.time()}\n{text}"
            began = time.monotonic()
            tokens, _ = await answer(client, prompt, 1)
            reading = tokens / (time.monotonic() - began)
            began = time.monotonic()
            _, written = await answer(client, prompt, TOKENS)
            alone = written / (time.monotonic() - began)
            began = time.monotonic()
            several = await asyncio.gather(*(answer(client, prompt, TOKENS) for _ in range(TOGETHER)))
            together = sum(count for _, count in several) / (time.monotonic() - began)
    return Round(start, reading, alone, together)


async def answer(client: openai.AsyncOpenAI, prompt: str, tokens: int) -> tuple[int, int]:
    """Tokens of the prompt and of the answer."""
    done = await client.chat.completions.create(
        model=LARGE.name,
        messages=[
            {"role": "user", "content": f"{prompt}\n\nWrite a test of each method."},
            {"role": "assistant", "content": "```python\nimport pytest\n"},
        ],
        max_tokens=tokens,
        temperature=0.8,
        seed=1,
    )
    assert done.usage
    return done.usage.prompt_tokens, done.usage.completion_tokens


async def run(args: argparse.Namespace) -> None:
    text = TEXT[: args.prompt]
    rounds: dict[str, list[Round]] = {engine: [] for engine in ENGINES}
    for number in range(args.rounds):
        for engine in ENGINES:
            rounds[engine].append(await measure(engine, text, number))
            print(f"{engine:10} {rounds[engine][-1]}", flush=True)
    for name, value in setup().items():
        print(f"{name + ':':10} {value}")
    print(f"{'load:':10} {os.getloadavg()[0]:.1f}\n")
    head = ["engine", "start s", "reads tokens/s", "writes tokens/s", f"{TOGETHER} at once"]
    rows: list[list[str]] = []
    for engine, measured in rounds.items():
        fields = ("start", "reading", "alone", "together")
        rows.append([engine, *(f"{median(getattr(r, field) for r in measured):.1f}" for field in fields)])
    print(grid(head, rows))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, prog="engines.py"
    )
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument(
        "--prompt", type=int, default=8000, metavar="CHARACTERS", help="(default: %(default)s)"
    )
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
