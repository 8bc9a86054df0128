"""Every text on the pages is told from its ground, in both themes: the contrast of WCAG 2, level AA."""

from __future__ import annotations

import re

import pytest

from flowmill.report import bundle

TEXTS = ("fg", "dim", "link", "kw", "str", "num", "fn")
GROUNDS = ("bg", "soft", "goodbg", "badbg")
MARKED = (
    ("good", "goodbg"),
    ("bad", "badbg"),
    ("odd", "oddbg"),
    ("good", "bg"),
    ("bad", "bg"),
    ("odd", "bg"),
)
DRAWN = ("model", "tests", "stage", "odd")


def themes() -> list[dict[str, str]]:
    """The light colours, and the dark ones."""
    blocks = re.findall(r"\.flow-run, \.flow-page \{(.*?)\}", str(bundle.style()), re.DOTALL)
    light, dark = (dict(re.findall(r"--(\w+): (#\w+)", block)) for block in blocks)
    assert light.keys() == dark.keys()
    return [light, dark]


def contrast(one: str, other: str) -> float:
    bright, dim = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (bright + 0.05) / (dim + 0.05)


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    shares = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (s / 12.92 if s <= 0.03928 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_contrast(theme: int) -> None:
    colours = themes()[theme]
    pairs = [(text, ground) for text in TEXTS for ground in GROUNDS] + list(MARKED)
    low = {pair: round(c, 2) for pair in pairs if (c := contrast(colours[pair[0]], colours[pair[1]])) < 4.5}
    low |= {(d, "bg"): round(c, 2) for d in DRAWN if (c := contrast(colours[d], colours["bg"])) < 3}
    assert low == {}


def test_an_editors_themes_have_the_same_colours() -> None:
    style = str(bundle.style())
    for name, theme in zip(("light", "dark"), themes(), strict=True):
        block = re.search(rf"body\.vscode-{name} \.flow-run.*?\{{(.*?)\}}", style, re.DOTALL)
        assert block
        given: dict[str, str] = dict(re.findall(r"--(\w+): (#\w+)", block[1]))
        assert given.items() <= theme.items()
