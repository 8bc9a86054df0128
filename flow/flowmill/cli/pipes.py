"""Writing to a pipe whose reader may go away, as `| head` does."""

from __future__ import annotations

import os
from typing import IO, NoReturn, TextIO

SIGPIPE_EXIT = 141


def put(stream: TextIO, text: str) -> None:
    """Write and flush. If the reader is gone, end the program as the shell expects, without a traceback."""
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        reader_gone(stream)
    except UnicodeEncodeError as error:
        # An ASCII or Latin-1 stream: letters that it lacks are shown as escapes.
        stream.write(text.encode(error.encoding, "backslashreplace").decode(error.encoding))
        stream.flush()


def reader_gone(stream: IO[str]) -> NoReturn:
    """Leave quietly; what is still buffered goes nowhere instead of failing again at exit."""
    try:
        void = os.open(os.devnull, os.O_WRONLY)
        os.dup2(void, stream.fileno())
        os.close(void)
    except (OSError, ValueError):
        # A stream without a descriptor has nothing that could fail again.
        raise SystemExit(SIGPIPE_EXIT) from None
    raise SystemExit(SIGPIPE_EXIT) from None
