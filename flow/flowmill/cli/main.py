"""`flowmill COMMAND ...`: finds the command and imports only what it needs."""

from __future__ import annotations

import difflib
import errno
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from flowmill import __version__
from flowmill.errors import FlowmillError, UsageError

COMMANDS: dict[str, tuple[str, str]] = {
    "generate": ("flowmill.cli.run", "write the body of a function until its tests pass"),
    "repair": ("flowmill.cli.run", "mend a function that its tests fault, or every such function"),
    "server": ("flowmill.cli.server", "the language server, for editors"),
    "model": ("flowmill.cli.model", "list, pull or serve the embedded model"),
    "runs": ("flowmill.cli.runs", "list, show, report, export or replay earlier runs"),
    "doctor": ("flowmill.cli.doctor", "what works here, what does not, and how to mend it"),
    "demo": ("flowmill.cli.demo", "generate and repair on a real package, offline"),
}
USAGE = """\
Usage: flowmill COMMAND [options]

Writes and repairs Python functions in small drafts, each one run against the
project's own tests, until the tests say yes. Nothing is written without --apply.

Commands:
{commands}

  flowmill COMMAND --help    the command's options
  flowmill --version         {version}

Start with:  flowmill generate path/to/file.py::function
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the result is the process's exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        _check_place(arguments)
        code = _dispatch(arguments)
        sys.stdout.flush()
        return code
    except FlowmillError as error:
        _complain(error)
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("flowmill: cancelled; nothing was written\n")
        return 130
    except BrokenPipeError:
        _discard_output()
        return 1
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            sys.stderr.write(f"flowmill: {error.filename or 'standard output'}: {error.strerror}\n")
            _discard_output()
        else:  # a fault of ours: the user gets a line, and the rest is kept for a report
            sys.stderr.write(f"flowmill: a fault of flowmill itself, {type(error).__name__}: {error}\n")
            sys.stderr.write(f"  {_kept()}\n")
        return 1


def _kept() -> str:
    """Where the traceback is to be found, or itself where it cannot be kept."""
    # Importing these at every start would cost more than all that --help does.
    traceback: Any = importlib.import_module("traceback")
    paths: Any = importlib.import_module("flowmill.paths")
    fault: str = traceback.format_exc()
    log = paths.cache_dir() / "faults.log"
    try:  # Only the command's name is kept: an address among the arguments may hold a password.
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{' '.join(sys.argv[1:2])}\n{fault}\n")
    except OSError:
        return fault
    return f"Please report it, with what stands at the end of {log}"


def _check_place(arguments: list[str]) -> None:
    """Raise `UsageError` where no command but the server, which is not started by a user, can do anything."""
    if arguments[:1] == ["server"]:
        return
    # A stream that was closed is None, and the next file that is opened would get its number.
    streams: tuple[TextIO | None, ...] = (sys.stdout, sys.stderr)
    if None in streams:
        if sys.stderr is None:  # pyright: ignore[reportUnnecessaryComparison]
            sys.stderr = io.StringIO()
        raise UsageError("standard output is closed: send it to a file, or to /dev/null")
    try:
        os.getcwd()
    except OSError:
        raise UsageError("the current folder is gone: change to one that is there") from None


def _discard_output() -> None:
    """Nobody takes it; what Python flushes at exit must not complain about it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _dispatch(arguments: list[str]) -> int:
    name = arguments[0] if arguments else "--help"
    if name in ("-h", "--help", "help"):
        listed = "\n".join(f"  {name:<10} {words}" for name, (_, words) in COMMANDS.items())
        sys.stdout.write(USAGE.format(commands=listed, version=__version__))
        return 0
    if name in ("-V", "--version"):
        sys.stdout.write(f"flowmill {__version__}\n")
        return 0
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean {near[0]}?" if near else "flowmill --help lists the commands"
        sys.stderr.write(f"flowmill: no command {name!r}: {hint}\n")
        return 2
    module = importlib.import_module(COMMANDS[name][0])
    takes_name = COMMANDS[name][0] == "flowmill.cli.run"
    code: int = module.main(arguments if takes_name else arguments[1:])
    return code


def _complain(error: FlowmillError) -> None:
    sys.stderr.write(f"flowmill: {error}\n")
    if error.hint:
        sys.stderr.write(f"  {error.hint}\n")


if __name__ == "__main__":
    sys.exit(main())
