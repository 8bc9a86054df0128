"""`flowmill server [--tcp HOST:PORT]`."""

from __future__ import annotations

import argparse
import gc
import importlib
import logging
import sys
from collections.abc import Sequence

from flowmill import __version__
from flowmill.errors import UsageError
from flowmill_server import logs
from flowmill_server.greeting import greet
from flowmill_server.wire.channels import Channel, accept, address, stdio

DESCRIPTION = """\
The language server: editors start it and speak LSP with it on stdin and stdout.
It offers "Generate with flow" and "Repair with flow" on every Python function."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise UsageError(f"server: {message}; see flowmill server --help")


def main(argv: Sequence[str]) -> int:
    """Serve one editor; the result is the exit code. Raises `UsageError`."""
    channel = open_channel(argv)
    logs.start(logs.default())
    try:
        return _serve(channel)
    finally:
        logs.stop()


def open_channel(argv: Sequence[str]) -> Channel:
    """The editor that the arguments mean: the one that started us, or the first to connect."""
    options = _parser().parse_args(argv)
    return stdio() if options.tcp is None else accept(*address(options.tcp))


def _serve(channel: Channel) -> int:
    greeting = greet(channel)
    # Importing makes hardly any garbage that can be freed: looking for it takes a third of the start.
    gc.disable()
    server = importlib.import_module("flowmill_server.app").create_server()
    serve = importlib.import_module("flowmill_server.serve")
    gc.freeze()
    gc.enable()
    logging.getLogger(__name__).info("flowmill %s, Python %s", __version__, sys.version.split()[0])
    code: int = serve.run(server.protocol, channel, greeting)
    return code


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="flowmill server", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--tcp",
        metavar="HOST:PORT",
        help="for debugging: wait there for one editor instead; port 0 takes a free one and says which",
    )
    # Many editors add these without being asked.
    parser.add_argument("--stdio", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--clientProcessId", help=argparse.SUPPRESS)
    return parser
