"""Draws a kept run as the terminal showed it: a frame while the best draft streamed, then the end.

python tests/benchmarks/picture.py RUN OUT.svg
"""

from __future__ import annotations

import argparse
import io
import os
import re
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from flowmill.cli.screen import Screen
from flowmill.events import DraftDelta, Record, RunFinished
from flowmill.journal import Journal
from flowmill.shapes import Usage

WIDTH, HEIGHT = 96, 44
WEB_FONTS = re.compile(r"@font-face \{.*?\}\s*", re.S)
"""A picture that fetches fonts would tell somebody who looks at it."""


@dataclass(frozen=True, slots=True)
class Spent:
    calls: int
    usage: Usage


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", help="a run's id, or last")
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    with Journal.open() as journal:
        recorded = journal.recorded(args.run)
    out = args.out.absolute()
    os.chdir(recorded.run.project)  # so that paths are shown as the user saw them
    target = f"{os.path.relpath(recorded.run.file)}::{recorded.run.qualname}"
    console = Console(
        file=io.StringIO(), width=WIDTH, height=HEIGHT, record=True, highlight=False, color_system="truecolor"
    )
    console.print(Text(f"$ flowmill {recorded.run.mode} {target}", "bold"), Text())
    console.print(_frame(recorded.records))
    console.print(Text("\n· · ·", "dim"))
    with Screen(console, prices=None, meter=None) as screen:
        for record in recorded.records:
            screen.show(record)
    svg = console.export_svg(title="flowmill", theme=MONOKAI)
    out.write_text(WEB_FONTS.sub("", svg), encoding="utf-8")


def _frame(records: tuple[Record, ...]) -> object:
    """The live view at the last word of the draft that came out best."""
    best = next(r.event.best for r in records if isinstance(r.event, RunFinished))
    end = max(i for i, r in enumerate(records) if isinstance(r.event, DraftDelta) and r.event.draft == best)
    now = 0.0
    finished = next(r.event for r in records if isinstance(r.event, RunFinished))
    spent = Spent(finished.calls - 1, finished.tokens)
    live = Console(file=io.StringIO(), width=WIDTH, height=HEIGHT, highlight=False)
    screen = Screen(live, prices=None, meter=lambda: spent, now=lambda: now)
    for record in records[: end + 1]:
        screen.show(record)
        now = record.t
    return screen.frame()


if __name__ == "__main__":
    main()
