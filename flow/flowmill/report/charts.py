"""Drawings for the page over many runs: shares of the width, so that letters keep their size on a phone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markupsafe import Markup

from flowmill.report.tallies import Point, Tally
from flowmill.report.words import clean

HEIGHT = 150.0
TOP = 12.0
LEFT, WIDTH = 9.0, 88.0
"""In percent of the width: what is left for the numbers at the side, and what is drawn on."""
ROW = 38


def rates(tallies: Sequence[Tally], label: str) -> Markup:
    """One bar in each row: how much of it is full is the solve rate; its words say the same."""
    rows = Markup()
    for place, each in enumerate(tallies):
        y = place * ROW
        rows += Markup(
            "<text x='0' y='{}'>{}: {} solved</text><rect class='whole' x='0' width='100%' y='{}' height='12'/>"
            "<rect class='tests' x='0' width='{:.2f}%' y='{}' height='12'/>"
        ).format(y + 14, clean(each.name), each.rate, y + 20, 100 * each.share, y + 20)
    return _svg(len(tallies) * ROW, label, rows)


def columns(tallies: Sequence[Tally], label: str) -> Markup:
    """One column a day, as high as the solve rate."""
    drawn = _grid(1.0, lambda value: f"{100 * value:.0f} %")
    step = WIDTH / max(1, len(tallies))
    for place, each in enumerate(tallies):
        high = HEIGHT * each.share
        drawn += Markup(
            "<rect class='tests' x='{:.2f}%' width='{:.2f}%' y='{:.1f}' height='{:.1f}'><title>{}: {}</title></rect>"
        ).format(
            LEFT + place * step + step * 0.1, step * 0.8, TOP + HEIGHT - high, high, each.name, each.rate
        )
    return _svg(TOP + HEIGHT + 22, label, drawn + _ends([each.name for each in tallies]))


def dots(found: Sequence[Point], value: Callable[[Point], float], unit: str, label: str) -> Markup:
    """One dot a run, in their order: full if it was solved, a ring if not."""
    most = max((value(point) for point in found), default=0.0) or 1.0
    drawn = _grid(most, lambda number: f"{number:.3g}{unit}")
    step = WIDTH / max(1, len(found))
    for place, point in enumerate(found):
        solved = point.came == "solved"
        words = (
            f"{clean(point.row.qualname)}: {value(point):.3g}{unit}, {'solved' if solved else 'not solved'}"
        )
        drawn += Markup(
            "<circle class='{}' cx='{:.2f}%' cy='{:.1f}' r='4'><title>{}</title></circle>"
        ).format(
            "solved" if solved else "open",
            LEFT + (place + 0.5) * step,
            TOP + HEIGHT * (1 - value(point) / most),
            words,
        )
    return _svg(TOP + HEIGHT + 22, label, drawn + _ends([point.day for point in found]))


def _grid(most: float, words: Callable[[float], str]) -> Markup:
    lines = Markup()
    for share in (0.0, 0.5, 1.0):
        y = TOP + HEIGHT * (1 - share)
        lines += Markup(
            "<line class='grid' x1='{0}%' x2='100%' y1='{1:.1f}' y2='{1:.1f}'/>"
            "<text class='when' x='{2}%' y='{3:.1f}' text-anchor='end'>{4}</text>"
        ).format(LEFT, y, LEFT - 1, y + 4, words(share * most))
    return lines


def _ends(names: Sequence[str]) -> Markup:
    """The first and the last day below."""
    if not names:
        return Markup()
    text = "<text class='when' x='{}%' y='{:.0f}' text-anchor='{}'>{}</text>"
    y = TOP + HEIGHT + 18
    first = Markup(text).format(LEFT, y, "start", names[0])
    last = Markup(text).format(LEFT + WIDTH, y, "end", names[-1])
    return first + (last if names[-1] != names[0] else Markup())


def _svg(height: float, label: str, content: Markup) -> Markup:
    return Markup("<svg height='{:.0f}' role='img' aria-label='{}'>{}</svg>").format(height, label, content)
