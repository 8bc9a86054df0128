"""The process."""

from __future__ import annotations

import contextlib
import importlib
import os
import resource
import signal
import sys
import threading
import time
from typing import Any

import pytest

from .bytecode import place_bytecode
from .options import strip_configured_options
from .order import Channel, Order, read_order
from .overlay import Overlay, serve_imports, serve_lines, serve_rewriter
from .reporter import Reporter
from .zygote import Zygote

NICENESS = 10
FILE_BYTES = 512 * 1024 * 1024


def die_with(parent: int) -> None:
    """Leave no orphan behind: by the kernel's signal on Linux, elsewhere by looking for the parent."""
    try:
        # Not every interpreter was built with ctypes.
        library: Any = importlib.import_module("ctypes").CDLL(None)
        library.prctl(1, signal.SIGKILL)
    except (ImportError, OSError, AttributeError):
        threading.Thread(target=_look_for, args=(parent,), daemon=True).start()
    if os.getppid() != parent:
        os._exit(1)


def _look_for(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def bound_files() -> None:
    """No core dump into the project, and no endless output into a temporary file."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    soft = FILE_BYTES if hard == resource.RLIM_INFINITY else min(FILE_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def stand_back() -> None:
    """Leave the processor to whoever else wants it.

    Where the kernel groups processes by session, niceness counts within the session only,
    and this process has one of its own: there the group itself stands back.
    """
    os.nice(NICENESS)
    with contextlib.suppress(OSError), open("/proc/self/autogroup", "w", encoding="ascii") as group:
        group.write(str(NICENESS))


def arguments(order: Order) -> list[str]:
    return [
        "--tb=short",
        "--color=no",
        f"--basetemp={os.path.join(order.scratch, 'basetemp')}",
        *(order.files or ()),
    ]


def main() -> None:
    report, control = os.environ.pop("FLOWMILL_RESULTS"), os.environ.pop("FLOWMILL_CONTROL", "")
    order = read_order(sys.stdin.buffer.read().decode())
    die_with(order.parent)
    bound_files()
    # A model that runs beside the tests loses far more than the tests do: 4 tokens a second instead of 25.
    stand_back()
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    overlay = Overlay(order.files_of_overlay())
    serve_imports(overlay)
    serve_lines(overlay)
    serve_rewriter(overlay)
    place_bytecode(os.getcwd(), order.pycache, order.write_bytecode)
    reporter = Reporter(order, Channel(int(report), order.nonce))
    strip_configured_options(lambda: os.path.join(reporter.order.scratch, "cache"))
    sys.argv = [os.path.join(os.path.dirname(pytest.__file__), "__main__.py"), *arguments(order)]
    plugins: list[Any] = [reporter]
    if control:
        plugins.append(Zygote(int(control), order, reporter, overlay))
    if order.zygote != "bare":
        reporter.begin(order, reporter.channel, overlay, order.parent)
    reporter.finish(int(pytest.main(arguments(order), plugins=plugins)))
