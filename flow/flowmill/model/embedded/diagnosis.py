"""What a server that did not start means for the user, read from how it ended and what it logged."""

from __future__ import annotations

import re
import signal
from pathlib import Path

from flowmill.model.embedded.catalogue import SMALL
from flowmill.model.embedded.lease import Refusal

MEMORY = r"bad_alloc|MemoryError|[Cc]annot allocate|(failed|unable) to allocate|out of memory"
BIND = r"[Cc]ould ?n.t bind|failed to bind|Address already in use|Permission denied.*bind"
LOAD = r"error loading model|failed to load model|invalid magic|tensor .* is not within"


def diagnose(status: int | None, log: str, log_file: Path, model: str) -> Refusal:
    """`status` is a subprocess's return code: negative for a signal, None if unknown."""
    see = f"Its log: {log_file}"
    if status == -signal.SIGKILL or re.search(MEMORY, log):
        smaller = f", or use --model {SMALL.name}" if model != SMALL.name else ""
        return Refusal(
            f"there is not enough free memory to run {model}", f"Close other programs{smaller}. {see}"
        )
    if status == -signal.SIGILL:
        return Refusal(
            "this processor lacks instructions that the embedded model's engine needs",
            f"Use a server with --base-url. {see}",
        )
    if re.search(BIND, log):
        return Refusal("the embedded model cannot listen on that port", f"Choose another port. {see}")
    if re.search(LOAD, log):
        return Refusal(
            f"the file of {model} cannot be loaded",
            f"Delete the file and run: flowmill model pull {model}. {see}",
        )
    if "No module named 'xllamacpp'" in log:
        return Refusal("xllamacpp is not installed", "pip install xllamacpp, or use a server with --base-url")
    return Refusal(f"the embedded model's server ended at once ({_ending(status)})", see)


def _ending(status: int | None) -> str:
    if status is None:
        return "unknown reason"
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
