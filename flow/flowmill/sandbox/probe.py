"""Which layers of the sandbox work here: tried for real, in the interpreter that would run the tests."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from flowmill.project.probe import ask_python
from flowmill.project.pyproject import as_table
from flowmill.runner.program import PACKAGE, program

QUESTION = """
import json
sys.path.insert(0, {program!r})
from {package} import confine
found = confine.probe()
print("")
print(json.dumps(found))
"""
SECONDS = 20.0
NOT_YET = "flowmill does not start the tests in it yet"


@dataclass(frozen=True, slots=True)
class Probed:
    """Each layer with "" if it works, else why it does not. `problem` says why nothing could be tried."""

    layers: Mapping[str, str]
    problem: str = ""


@lru_cache(maxsize=32)
def probe_layers(python: Path, cache: Path) -> Probed:
    """Try every layer in processes that end at once; `cache` is where the child's program is kept."""
    child = program(cache)
    question = QUESTION.format(program=str(child), package=PACKAGE)
    answer = ask_python(python, question, folder=child.parent, seconds=SECONDS)
    try:
        told = as_table(json.loads(answer.out.splitlines()[-1])) if answer.out else {}
    except ValueError:
        told = {}
    layers = {name: str(why) for name, why in told.items()}
    if not layers:
        return Probed({}, answer.problem or f"{python} does not answer as Python does")
    return Probed(layers | of_system())


def of_system(platform: str = sys.platform) -> dict[str, str]:
    """The layers that flowmill itself puts around the tests' process."""
    if platform == "darwin":
        return {"seatbelt": NOT_YET}
    if platform == "win32":
        return {"job object": NOT_YET, "restricted token": NOT_YET}
    return {}
