"""Checks that every part of the flow that an ablation leaves out is still where it looks for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.without import PARTS


@pytest.mark.parametrize("part", PARTS)
def test_every_part_is_still_there(part: str) -> None:
    for holder, attribute, instead in PARTS[part].places:
        assert getattr(holder, attribute) is not instead


def test_the_command_takes_the_name_of_a_part_first() -> None:
    script = Path(__file__).with_name("without.py")

    done = subprocess.run(
        [sys.executable, script, "mutations", "--version"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("flowmill ")
