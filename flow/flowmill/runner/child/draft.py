"""The draft that a process waits for which has done all else.

It comes in a file that was handed over empty; a byte on a pipe says that it is whole. Its
first line is JSON: which file it is the text of, and how it is swapped in. The rest is the text.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Draft:
    """A text for a file, and the swap that puts it into loaded code (see swap.py), None if it is imported."""

    file: str
    text: bytes
    swap: dict[str, Any] | None


class Awaited:
    """Both descriptors, until the draft is there."""

    def __init__(self, wake: int, content: int) -> None:
        self.descriptors = [wake, content]

    def take(self) -> Draft:
        """Wait for it; whoever is not given one is not needed any more, and ends."""
        wake, content = self.descriptors
        if not os.read(wake, 1):
            os._exit(0)
        data = os.pread(content, os.fstat(content).st_size, 0)
        for descriptor in self.descriptors:
            os.close(descriptor)
        head, _, text = data.partition(b"\n")
        told = json.loads(head)
        return Draft(told["file"], text, told["swap"])
