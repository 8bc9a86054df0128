"""What Neovim draws on a terminal, as a picture: its `redraw` messages put on a grid, the grid into an SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from io import StringIO
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.style import Style
from rich.terminal_theme import TerminalTheme
from rich.text import Text

Cell = tuple[str, int]


@dataclass
class Grid:
    """One screen of `ext_linegrid`."""

    columns: int
    rows: int
    cells: list[list[Cell]] = field(default_factory=list[list[Cell]])
    styles: dict[int, dict[str, Any]] = field(default_factory=dict[int, dict[str, Any]])
    front: int = 0xE0E2EA
    back: int = 0x14161B

    def __post_init__(self) -> None:
        self.cells = [[(" ", 0)] * self.columns for _ in range(self.rows)]

    def take(self, events: Sequence[Sequence[Any]]) -> Grid:
        """Follow the messages in their order."""
        for name, *calls in events:
            act = getattr(self, f"_{name}", None)
            if act is not None:
                for call in calls:
                    act(*call)
        return self

    def _default_colors_set(self, front: int, back: int, *_: object) -> None:
        self.front, self.back = front, back

    def _hl_attr_define(self, number: int, rgb: dict[str, Any], *_: object) -> None:
        self.styles[number] = rgb

    def _grid_clear(self, _: int) -> None:
        self.__post_init__()

    def _grid_line(self, _: int, row: int, column: int, cells: Sequence[Sequence[Any]], *__: object) -> None:
        style = 0
        for text, *more in cells:
            style = more[0] if more else style
            for _repeat in range(more[1] if len(more) > 1 else 1):
                self.cells[row][column] = (text, style)
                column += 1

    def _grid_scroll(self, _: int, top: int, bottom: int, left: int, right: int, rows: int, __: int) -> None:
        order = range(top, bottom - rows) if rows > 0 else range(bottom - 1, top - rows - 1, -1)
        for row in order:
            self.cells[row][left:right] = self.cells[row + rows][left:right]

    # ------------------------------------------------------------------ out
    def lines(self) -> list[str]:
        """The text alone."""
        return ["".join(text for text, _ in row).rstrip() for row in self.cells]

    def _style(self, number: int) -> Style:
        rgb = self.styles.get(number, {})
        front, back = rgb.get("foreground", self.front), rgb.get("background", self.back)
        if rgb.get("reverse"):
            front, back = back, front
        return Style(
            color=f"#{front:06x}", bgcolor=f"#{back:06x}", bold=rgb.get("bold"), italic=rgb.get("italic")
        )

    def svg(self, path: Path, title: str) -> None:
        """Write the picture."""
        theme = TerminalTheme(_parts(self.back), _parts(self.front), [(0, 0, 0)] * 8)
        console = Console(
            width=self.columns, record=True, file=StringIO(), force_terminal=True, color_system="truecolor"
        )
        for row in self.cells:
            line = Text(no_wrap=True, end="\n")
            for style, cells in groupby(row, key=lambda cell: cell[1]):
                line.append("".join(text for text, _ in cells), self._style(style))
            console.print(line, soft_wrap=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        picture = console.export_svg(title=title, theme=theme)
        # The font comes with the page that shows it, not from somewhere else.
        start, end = picture.index("@font-face"), picture.rindex("@font-face")
        end = picture.index("}", end) + 1
        path.write_text(picture[:start] + picture[end:], encoding="utf-8")


def _parts(colour: int) -> tuple[int, int, int]:
    return (colour >> 16, colour >> 8 & 255, colour & 255)
