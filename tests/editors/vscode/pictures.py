"""The README's pictures, taken in the real VS Code: `python -m editors.vscode.pictures` from the tests' folder.

Light and dark, 1000 pixels wide, into `.images/` of the repository.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from doubles.projects import fenced, write
from doubles.vscode import LENS, RIGHT, STATUS, Window, write_script
from doubles.vscode_parts import REPOSITORY, CodeServer, Wire, installed
from editors.vscode.conftest import QUIET, environment, scripted

IMAGES = REPOSITORY / ".images"
THEMES = {"light": "Default Light Modern", "dark": "Default Dark Modern"}
SLUG = '''\
"""Names for web addresses."""

import re


def slug(title: str, most: int = 40) -> str:
    """Lower case, words joined by hyphens, cut at a word's end."""
    raise NotImplementedError
'''
TESTS = """\
from slug import slug


def test_words():
    assert slug("Hello World") == "hello-world"


def test_marks():
    assert slug("What's new, Doc?") == "whats-new-doc"


def test_spaces():
    assert slug("  two   spaces ") == "two-spaces"


def test_cut():
    assert slug("one two three", 9) == "one-two"


def test_empty():
    assert slug("") == ""
"""
HEAD = "import re\n\n\ndef slug(title: str, most: int = 40) -> str:\n"
FIRST = fenced(f'{HEAD}    return title.lower().replace(" ", "-")[:most]\n')
SECOND = fenced(
    f'{HEAD}    words = re.findall(r"[a-z0-9]+", title.lower())\n    return "-".join(words)[:most]\n'
)
THIRD = fenced(
    f"""{HEAD}    words = re.findall(r"[a-z0-9]+", title.lower().replace("'", ""))
    while len("-".join(words)) > most:
        words.pop()
    return "-".join(words)
"""
)


def main() -> None:
    """Write all pictures."""
    IMAGES.mkdir(exist_ok=True)
    wire = Wire(installed())
    try:
        for name, theme in THEMES.items():
            with tempfile.TemporaryDirectory() as folder:
                _take(wire, Path(folder), name, theme)
    finally:
        wire.close()


def _take(wire: Wire, folder: Path, name: str, theme: str) -> None:
    project = write(folder, {"slug.py": SLUG, "test_slug.py": TESTS})
    answers = (FIRST, SECOND, THIRD)
    replies: list[dict[str, object]] = [
        {"chunks": [a[i : i + 6] for i in range(0, len(a), 6)], "delay": 0.12} for a in answers
    ]
    server = CodeServer(installed(), folder / "code", environment(folder))
    with scripted(write_script(folder / "script.json", replies)) as address:
        view = {
            "workbench.colorTheme": theme,
            "editor.fontSize": 14,
            "workbench.activityBar.location": "hidden",
        }
        found = {"flowmill.interpreter": sys.executable, "flowmill.baseUrl": address}
        server.configure(**(QUIET | view | found))
        server.start()
        try:
            with Window(server, wire, project, width=1000, height=520, scheme=name) as window:
                _story(window, wire, name)
        finally:
            server.stop()


def _story(window: Window, wire: Wire, name: str) -> None:
    def shot(what: str) -> None:
        wire.ask("shot", path=str(IMAGES / f"vscode-{what}-{name}.png"))

    window.open("slug.py", 8)
    window.command("View: Toggle Primary Side Bar Visibility")
    window.status("flow$")
    window.menu("Generate with flow")
    shot("lightbulb")
    window.pick("Generate with flow")
    window.until(RIGHT, r"len\(")
    window.until(LENS, r"flow: draft \d")
    shot("drafts")
    window.status("slug 5/5")
    window.until(LENS, r"accept \(5/5")
    shot("result")
    window.size(1000, 900)
    window.command("Flow: Show Run")
    window.page_until("#matrix", "test_words")
    shot("run")
    assert window.count(STATUS)


if __name__ == "__main__":
    main()
