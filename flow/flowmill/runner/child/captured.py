"""Capturing in a process that goes on from a loaded session.

pytest's capture files are shared by all copies of a process. Its objects have to stay,
since code that was loaded under capture may hold them as `sys.stdout`; what they stand
for is exchanged below them.
"""

from __future__ import annotations

import os
import tempfile
from typing import Any


def renew(manager: Any, output: int, folder: str) -> list[int]:
    """Give this process capture files of its own in `folder`, and `output` to go back to between tests.

    Gives the descriptors that have to stay open for that.
    """
    capturing = getattr(manager, "_global_capturing", None)
    kept: list[int] = []
    for stream in (getattr(capturing, "out", None), getattr(capturing, "err", None)):
        saved, file = getattr(stream, "targetfd_save", None), getattr(stream, "tmpfile", None)
        if saved is None or file is None:
            continue  # captured in memory, which is a copy already
        file.seek(0)
        os.dup2(output, saved, inheritable=False)
        with tempfile.TemporaryFile(dir=folder) as fresh:
            os.dup2(fresh.fileno(), file.fileno(), inheritable=False)
        kept += [saved, file.fileno()]
    return kept
