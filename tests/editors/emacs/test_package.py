"""The package itself, in batch: compiles without a warning, is documented, and its ERT tests pass."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from doubles.emacs import PACKAGE, missing

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "Emacs is there")
HERE = Path(__file__).parent


def batch(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Emacs without anybody's configuration, on a copy of the package."""
    shutil.copy(PACKAGE / "flowmill.el", folder)
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C.UTF-8"}
    command = ["emacs", "-Q", "--batch", "-L", str(folder), *words]
    return subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=100
    )


def test_compiles_without_a_warning(tmp_path: Path) -> None:
    done = batch(
        tmp_path, "--eval", "(setq byte-compile-error-on-warn t)", "-f", "batch-byte-compile", "flowmill.el"
    )
    assert (done.returncode, done.stderr.strip()) == (0, "")
    assert (tmp_path / "flowmill.elc").exists()


def test_is_documented(tmp_path: Path) -> None:
    done = batch(tmp_path, "-l", "checkdoc", "--eval", '(checkdoc-file "flowmill.el")')
    assert (done.returncode, done.stderr.strip()) == (0, "")


def test_headers(tmp_path: Path) -> None:
    form = '(with-temp-buffer (insert-file-contents "flowmill.el") (princ (package-desc-full-name (package-buffer-info))))'
    done = batch(tmp_path, "-l", "package", "--eval", form)
    assert done.stdout.startswith("flowmill-0.1")


def test_ert(tmp_path: Path) -> None:
    tests = HERE / "flowmill-tests.el"
    done = batch(tmp_path, "-l", "flowmill.el", "-l", str(tests), "-f", "ert-run-tests-batch-and-exit")
    assert done.returncode == 0, done.stderr
    assert "0 unexpected" in done.stderr
