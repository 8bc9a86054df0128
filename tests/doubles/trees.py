"""Writes the files of a small project, for tests that need one."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path


def write_tree(root: Path, files: Mapping[str, str]) -> Path:
    """Every file with its dedented text; a name that ends in "/" is an empty folder."""
    for name, text in files.items():
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding="utf-8")
    return root


def make_environment(folder: Path) -> Path:
    """What a virtual environment looks like from outside; its python is a link, as in real ones."""
    real = folder.parent / f"real-{folder.name}"
    real.parent.mkdir(parents=True, exist_ok=True)
    real.write_text("#!/bin/sh\n")
    real.chmod(0o755)
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(real)
    (folder / "pyvenv.cfg").write_text("home = /usr/bin\n")
    return python
