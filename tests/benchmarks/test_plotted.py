"""Checks the drawing of a comparison: `pytest tests/benchmarks/test_plotted.py`."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from plotted import picture
from rows import Row

SVG = "{http://www.w3.org/2000/svg}"


def row(case: str, strategy: str, seconds: float, *, solved: bool = False, broken: str = "") -> Row:
    return Row(case, strategy, "m", 0, 0, "", solved=solved, seconds=seconds, broken=broken)


def test_bars_and_steps_say_what_the_rows_say() -> None:
    rows = [
        row("a", "sample", 60),
        row("b", "sample", 30, solved=True),
        row("a", "flow", 15, solved=True),
        row("b", "flow", 30, solved=True),
        row("c", "flow", 1, broken="no model"),
    ]

    drawn = ET.fromstring(picture(rows, "<holes> & more"))

    said = [text.text for text in drawn.iter(f"{SVG}text")]
    assert {"<holes> & more", "sample", "flow", "1 of 2", "2 of 2", "sample 1", "flow 2"} <= set(said)
    assert drawn.get("aria-label") == "sample: 1 of 2; flow: 2 of 2"
    sample, flow = (float(bar.get("width", "")) for bar in drawn.iter(f"{SVG}rect"))
    assert flow == 2 * sample
    steps = [path.get("d", "") for path in drawn.iter(f"{SVG}path") if path.get("stroke-width")]
    assert [path.count("V") for path in steps] == [1, 2]
