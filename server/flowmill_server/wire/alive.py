"""Whether the editor's process is still there."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path


def is_alive(pid: int) -> bool:
    """Whether that process runs. On Windows always: there, asking so would end it."""
    if pid <= 0 or sys.platform == "win32":
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    # One that is dead and not yet reaped still takes signals.
    with suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    return True
