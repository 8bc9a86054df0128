"""Starts an arena as one user or another, and asks it about drafts."""

from __future__ import annotations

import json
import os
import secrets
import select
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hostile.arena import Answer
from hostile.drafts import Hostile
from hostile.paths import UNCONFINED

HERE = Path(__file__).resolve().parent
NOBODYS = 54321
"""A user that owns nothing."""
PLACE = "/mnt"
BEGIN_SECONDS, ANSWER_SECONDS = 60.0, 40.0
# In mounts of its own: what lies below a folder that only root may enter is shown where others can get at it.
AS_ORDINARY_USER = """\
set -e
place=$1 closed=$2 user=$3
shift 3
mount --bind "$place" /mnt
for kept in $closed; do
    mkdir -p "/mnt/kept/$kept"
    mount --bind "$kept" "/mnt/kept/$kept"
done
for kept in $closed; do
    top=/$(echo "$kept" | cut -d/ -f2)
    mountpoint -q "$top" || mount -t tmpfs -o mode=755 none "$top"
    mkdir -p "$kept"
    mount --bind "/mnt/kept/$kept" "$kept"
    umount "/mnt/kept/$kept"
done
rm -rf /mnt/kept
exec setpriv --reuid "$user" --regid "$user" --clear-groups "$@"
"""


class StageError(Exception):
    """The arena cannot be started, or has ended; `str(error)` says what it said last."""


@dataclass
class Stage:
    """A running arena."""

    process: subprocess.Popen[str]
    path: str

    @classmethod
    def open(cls, root: Path, path: str, *, ordinary: bool) -> Stage:
        """Start it and have it judge an honest draft. Raises StageError."""
        secret = f"s3cret-{secrets.token_hex(8)}"
        environ = {
            **os.environ,
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONPATH": str(HERE.parent),
            "FLOWMILL_API_KEY": secret,
            "AWS_SECRET_ACCESS_KEY": secret,
        }
        command = _command(root, path, ordinary=ordinary)
        place = PLACE if ordinary else str(root)
        (root / "tmp").mkdir(parents=True)
        if ordinary:
            for folder in (root, root / "tmp"):
                os.chown(folder, NOBODYS, NOBODYS)
        with (root.parent / f"{root.name}.log").open("w") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=environ | {"TMPDIR": f"{place}/tmp"},
            )
        stage = cls(process, path)
        try:
            first = stage._answer(BEGIN_SECONDS)
        except StageError as error:
            told = (root.parent / f"{root.name}.log").read_text()
            raise StageError(f"{error}: {told[-2000:]}") from error
        if not first.trusted_pass or first.path != ("cold" if path == UNCONFINED else path):
            stage.close()
            raise StageError(f"an honest draft does not pass, or not on this way: {first}")
        return stage

    def judge(self, draft: Hostile) -> Answer:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps({"body": draft.text, "head": draft.head}) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError as error:
            raise StageError("flowmill's own process is gone") from error
        return self._answer(ANSWER_SECONDS)

    def _answer(self, seconds: float) -> Answer:
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], seconds)
        line = self.process.stdout.readline() if readable else ""
        if not line:
            self.close()
            raise StageError("flowmill's own process does not answer" if not readable else "it has ended")
        fields: dict[str, Any] = json.loads(line)
        return Answer(**fields)

    def close(self) -> None:
        """End it in its own way if it can, else by force."""
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                stream.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _command(root: Path, path: str, *, ordinary: bool) -> list[str]:
    arena = [sys.executable, str(HERE / "arena.py")]
    if not ordinary:
        return [*arena, str(root), path]
    needed = [Path(sys.base_prefix), Path(sys.prefix), HERE.parent.parent]
    closed = " ".join(dict.fromkeys(str(folder) for folder in needed if _closed(folder)))
    wrapped = ["unshare", "--mount", "sh", "-c", AS_ORDINARY_USER, "sh", str(root), closed, str(NOBODYS)]
    return [*wrapped, *arena, PLACE, path]


def _closed(folder: Path) -> bool:
    """Whether others than its owner cannot get there."""
    return any(not parent.stat().st_mode & 0o001 for parent in (folder, *folder.parents))
