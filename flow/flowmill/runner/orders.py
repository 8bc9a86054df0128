"""What a test process is told, and the folder that it may write into."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flowmill.errors import ProjectError
from flowmill.shapes import Overlay, Target, TestOrder


@dataclass(frozen=True, slots=True)
class Errand:
    """One order as one process gets it. `only` restricts it to tests that an earlier process left over."""

    order: TestOrder
    scratch: Path
    pycache: Path
    nonce: str
    policy: Mapping[str, object] | None = None
    only: tuple[str, ...] | None = None
    swap: Mapping[str, object] | None = None
    zygote: str = ""
    single: bool = False
    preload: tuple[str, ...] = ()
    awaits: bool = False

    def data(self) -> bytes:
        """As JSON, in the fields of the child's `Order`."""
        order = self.order
        goal = order.trace or order.doctest
        fields = {
            "parent": os.getpid(),
            "scratch": str(self.scratch),
            "pycache": str(self.pycache),
            "write_bytecode": not order.untrusted,
            "overlay": _encoded(order.overlay),
            "files": None if order.files is None else list(order.files),
            "keep": list(order.keep),
            "only": None if self.only is None else list(self.only),
            "goal": None if goal is None else _goal(goal),
            "doctest": None if order.doctest is None else _goal(order.doctest),
            "trace": order.trace is not None,
            "made": order.made,
            "test_seconds": order.limits.test_seconds,
            "census": order.census,
            "policy": self.policy,
            "canary": order.untrusted,
            "nonce": self.nonce,
            "swap": self.swap,
            "warden": self.policy is None
            or bool(self.policy.get("processes"))
            or not self.policy.get("require"),
            "zygote": self.zygote,
            "single": self.single,
            "preload": list(self.preload),
            "awaits": self.awaits,
        }
        return json.dumps(fields).encode()


def new_nonce() -> str:
    return secrets.token_hex(8)


def _encoded(overlay: Overlay) -> dict[str, str]:
    return {str(path): base64.b64encode(data).decode() for path, data in overlay.items()}


def _goal(target: Target) -> dict[str, object]:
    return {
        "file": str(target.file),
        "qualname": target.qualname,
        "start": target.start,
        "end": target.end,
    }


class Scratches:
    """The scratch folders of runs that are under way."""

    def __init__(self) -> None:
        self._folders: set[Path] = set()

    def make(self) -> Path:
        """A new folder, with what a test process expects in it. Raises ProjectError if it cannot be made."""
        # In the system's temporary folder, since paths of sockets made below it must be short.
        try:
            folder = Path(tempfile.mkdtemp(prefix="flowmill-")).resolve()
            self._folders.add(folder)
            for name in ("tmp", "home"):
                (folder / name).mkdir()
        except OSError as error:
            where = tempfile.gettempdir()
            raise ProjectError(f"the tests need a scratch folder in {where}: {error.strerror}") from error
        return folder

    def drop(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self._folders.discard(folder)

    def drop_soon(self, folder: Path) -> None:
        """Remove it in a thread of its own: nobody has to wait for the disk."""
        threading.Thread(target=self.drop, args=(folder,), name="flowmill-scratch").start()

    def drop_all(self) -> None:
        for folder in list(self._folders):
            self.drop(folder)


def scratch_variables(scratch: Path) -> dict[str, str]:
    """The environment that keeps what tests write in their scratch folder."""
    return {
        "TMPDIR": str(scratch / "tmp"),
        "HYPOTHESIS_STORAGE_DIRECTORY": str(scratch / "hypothesis"),
        "COVERAGE_FILE": str(scratch / "coverage"),
        # For the subprocesses of tests: ours decides for itself.
        "PYTHONDONTWRITEBYTECODE": "1",
    }
