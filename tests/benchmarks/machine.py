"""What a figure depends on besides the code under test, to stand beside it."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path

import flowmill
from flowmill.model.embedded import openvino
from flowmill.model.embedded.catalogue import default_model
from flowmill.model.embedded.weights import installed

Setup = dict[str, str]


def setup() -> Setup:
    """Versions and machine, in words."""
    return {
        "flowmill": f"{flowmill.__version__} {commit()}".strip(),
        "python": platform.python_version(),
        "engine": f"{_engine()}, openai {_version('openai')}",
        "machine": f"{cores()} cores, {processor()}, {platform.system()} {platform.machine()}",
    }


def _engine() -> str:
    """What serves the embedded model here."""
    file = installed(default_model())
    try:
        openvino.check(file or Path())
    except (openvino.Unsuited, OSError):
        return f"xllamacpp {_version('xllamacpp')}"
    return f"openvino-genai {_version('openvino-genai')}"


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or "unknown processor")


def commit() -> str:
    """The checkout's commit, `+changes` if files differ from it; empty outside a checkout."""
    head = _git("rev-parse", "--short", "HEAD")
    return f"({head}{'+changes' if _git('status', '--porcelain') else ''})" if head else ""


def _git(*arguments: str) -> str:
    # Without optional locks: whoever works in this checkout meanwhile must not be disturbed.
    command = ["git", "--no-optional-locks", "-C", str(Path(__file__).parent), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"
