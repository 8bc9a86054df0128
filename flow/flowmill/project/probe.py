"""Short questions to other programs: the user's interpreter and their environment managers."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

OWN_FIRST = "import sys; sys.path[:1] = [] if sys.path[:1] == [''] else sys.path[:1]\n"
"""Begins code for `python -c`: modules of the working directory, which may be anybody's, must not come first.

`-P` does this only from 3.11 on.
"""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the program said; `problem` is "" if it ran and exited with 0."""

    out: str
    problem: str = ""


def ask(
    command: Sequence[str],
    *,
    folder: Path | None = None,
    environ: Mapping[str, str] | None = None,
    seconds: float = 3.0,
) -> Answer:
    """Run the command to its end within `seconds`; never raises for what the program does."""
    try:
        done = subprocess.run(
            list(command),
            cwd=folder,
            env=dict(environ) if environ is not None else None,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
            start_new_session=os.name == "posix",
        )
    except subprocess.TimeoutExpired:
        return Answer("", f"{command[0]} did not answer within {seconds:g} s")
    except OSError as error:
        return Answer("", f"{command[0]} cannot be started: {error.strerror or error}")
    out = done.stdout.decode("utf-8", "replace").strip()
    if done.returncode == 0:
        return Answer(out)
    last = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
    return Answer(out, last[0] if last else f"{command[0]} exited with {done.returncode}")


def ask_python(python: Path, code: str, *, folder: Path | None = None, seconds: float = 10.0) -> Answer:
    """What `code` prints in that interpreter, without the folder's own modules in its way."""
    environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    return ask([str(python), "-c", OWN_FIRST + code], folder=folder, environ=environ, seconds=seconds)
