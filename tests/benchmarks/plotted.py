"""Draws a comparison as one SVG: a bar for each strategy's solve rate, and what was solved after how many seconds."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from figures import wilson
from rows import Row

WIDTH, HEIGHT = 860, 280
LEFT, RIGHT, TOP, BOTTOM = 110, 400, 40, 236
"""Of the bars; the curves have what is right of them."""
FROM, TO = 470, 760
BAR = 16
INKS = ("#8c8c8c", "#2f81c7", "#c2603b", "#3f9c57", "#8a63c9", "#b58a1c", "#3aa1a1", "#c95a94")
"""Strong enough on white and on near-black."""
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1f2328}.small{font-size:11px}.quiet{fill:#656d76}"
    ".axis{stroke:#8c959f;stroke-width:1;fill:none}.grid{stroke:#8c959f;stroke-opacity:.3}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.quiet{fill:#9198a1}}"
)


def picture(rows: Sequence[Row], title: str) -> str:
    """The SVG. Broken attempts are left out; at least one is whole."""
    by_name: dict[str, list[Row]] = {}
    for row in rows:
        if not row.broken:
            by_name.setdefault(row.strategy, []).append(row)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(_words(by_name))}">',
        f"<style>{STYLE}</style>",
        _text(LEFT, 22, title),
        *_bars(by_name),
        *_curves(by_name),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _words(by_name: dict[str, list[Row]]) -> str:
    return "; ".join(
        f"{name}: {sum(row.solved for row in rows)} of {len(rows)}" for name, rows in by_name.items()
    )


def _bars(by_name: dict[str, list[Row]]) -> list[str]:
    """Solve rates from 0 to 100 %, each with its 95 % interval (Wilson)."""
    parts = [_scale(LEFT, RIGHT, 100, "%", "solved, with its 95 % interval")]
    step = (BOTTOM - TOP) / len(by_name)
    for (name, rows), ink in zip(by_name.items(), _inks(by_name), strict=True):
        y = TOP + step * (len(parts) - 1 + 0.5)
        solved = sum(row.solved for row in rows)
        low, high = (_at(end, 100, LEFT, RIGHT) for end in wilson(solved, len(rows)))
        width = _at(100 * solved / len(rows), 100, LEFT, RIGHT) - LEFT
        parts.append(
            f'<rect x="{LEFT}" y="{y - BAR / 2:.1f}" width="{width:.1f}" height="{BAR}" fill="{ink}"/>'
            f'<path class="axis" d="M{low:.1f} {y:.1f}H{high:.1f}M{low:.1f} {y - 4:.1f}v8M{high:.1f} {y - 4:.1f}v8"/>'
            + _text(LEFT - 8, y + 4, name, 'text-anchor="end"')
            + _text(high + 6, y + 4, f"{solved} of {len(rows)}", 'class="small"')
        )
    return parts


def _curves(by_name: dict[str, list[Row]]) -> list[str]:
    """How many attempts had been solved after so many seconds, as steps; their names stand at their ends."""
    most = max(row.seconds for rows in by_name.values() for row in rows)
    highest = max(1, *(sum(row.solved for row in rows) for rows in by_name.values()))
    parts = [_scale(FROM, TO, most, " s", "solved after so many seconds")]
    taken: list[float] = []
    for (name, rows), ink in zip(by_name.items(), _inks(by_name), strict=True):
        seconds = sorted(row.seconds for row in rows if row.solved)
        y = _height(0, highest)
        path = f"M{FROM} {y:.1f}"
        for place, second in enumerate(seconds, 1):
            y = _height(place, highest)
            path += f"H{_at(second, most, FROM, TO):.1f}V{y:.1f}"
        parts.append(f'<path d="{path}H{TO}" fill="none" stroke="{ink}" stroke-width="2"/>')
        while any(abs(y - other) < 14 for other in taken):
            y -= 14
        taken.append(y)
        parts.append(_text(TO + 6, y + 4, f"{name} {len(seconds)}", f'class="small" style="fill:{ink}"'))
    return parts


def _scale(start: int, end: int, most: float, unit: str, title: str) -> str:
    """The lines behind a chart and the numbers below."""
    parts = [_text(start, HEIGHT - 8, title, 'class="small quiet"')]
    for share in (0, 0.25, 0.5, 0.75, 1):
        x = start + share * (end - start)
        parts.append(f'<path class="grid" d="M{x:.1f} {TOP}V{BOTTOM}"/>')
        parts.append(
            _text(x, BOTTOM + 16, f"{most * share:.0f}{unit}", 'class="small quiet" text-anchor="middle"')
        )
    return "".join(parts)


def _inks(by_name: dict[str, list[Row]]) -> list[str]:
    return [INKS[place % len(INKS)] for place in range(len(by_name))]


def _at(value: float, most: float, start: int, end: int) -> float:
    return start + (end - start) * value / most


def _height(count: int, highest: int) -> float:
    return BOTTOM - (BOTTOM - TOP) * count / highest


def _text(x: float, y: float, words: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{escape(words)}</text>'
