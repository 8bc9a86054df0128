"""A window of the real VS Code, in the words of somebody who uses it.

with Window(server, wire, project) as window:
    window.open("calc.py")
    window.goto("def add")
    window.light_bulb("Generate with flow")
"""

from __future__ import annotations

import json
import os
import re
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

from doubles.vscode_parts import CodeServer, Wire

STATUS = ".statusbar-item[id*='flowmill.status']"
BUTTON = ".editor-group-container.active .editor-actions .action-label"
SOURCE = ".editor-instance > .monaco-editor .view-lines, .editor-instance .monaco-editor:not(.original-in-monaco-diff-editor, .modified-in-monaco-diff-editor) .view-lines"
FILE = ".explorer-folders-view .monaco-list-row"
EDITOR = ".editor-instance .monaco-editor"
LENS = ".codelens-decoration a"
QUICK = ".quick-input-widget"
ROW = f"{QUICK} .monaco-list-row"
NOTICE = ".notification-toast .notification-list-item-message"
NOTICE_BUTTON = ".notification-toast .monaco-button"
MENU = ".action-widget .monaco-list-row"
NOTHING = ".monaco-editor-overlaymessage"
DIFF = ".monaco-diff-editor"
FRONT = ".monaco-editor.modified-in-monaco-diff-editor.focused .view-lines"
LEFT, RIGHT = f"{DIFF} .editor.original .view-lines", f"{DIFF} .editor.modified .view-lines"


class Window:
    """One browser page that shows one folder."""

    def __init__(
        self,
        server: CodeServer,
        wire: Wire,
        folder: Path,
        *,
        shots: Path | None = None,
        query: str = "",
        **view: object,
    ) -> None:
        self._server = server
        self._wire = wire
        self._folder = folder
        self._shots = shots
        self._shot = 0
        self._query = query
        self._view = {"width": 1280, "height": 800, "scheme": "light", **view}

    def __enter__(self) -> Window:
        key = "workspace" if self._folder.suffix == ".code-workspace" else "folder"
        url = f"{self._server.address}/?{key}={quote(str(self._folder))}{self._query}"
        self._wire.ask("open", url=url, **self._view)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.shot("failed")
        self._wire.ask("close")

    # ------------------------------------------------------------------ looking
    def shot(self, name: str) -> Path | None:
        """A picture of the window, numbered, if somebody wants pictures."""
        if self._shots is None:
            return None
        self._shot += 1
        self._shots.mkdir(parents=True, exist_ok=True)
        path = self._shots / f"{self._shot:02}-{name}.png"
        self._wire.ask("shot", path=str(path))
        return path

    def until(self, selector: str, pattern: str = "", seconds: float = 90.0) -> str:
        """The first text of an element that is as the pattern wants it."""
        return str(self._wire.ask("until", selector=selector, pattern=pattern, timeout=seconds * 1000))

    def page_until(self, selector: str, pattern: str, seconds: float = 60.0) -> str:
        """The same in a web view."""
        return str(self._wire.ask("frameUntil", selector=selector, pattern=pattern, timeout=seconds * 1000))

    def gone(self, selector: str, seconds: float = 30.0) -> None:
        self._wire.ask("wait", selector=selector, state="detached", timeout=seconds * 1000)

    def texts(self, selector: str) -> list[str]:
        found: list[str] = self._wire.ask("texts", selector=selector)
        return [text.replace("\xa0", " ") for text in found]

    def count(self, selector: str) -> int:
        return int(self._wire.ask("count", selector=selector))

    def status(self, pattern: str, seconds: float = 90.0) -> str:
        return self.until(STATUS, pattern, seconds)

    def size(self, width: int, height: int) -> None:
        self._wire.ask("size", width=width, height=height)

    # ------------------------------------------------------------------ doing
    def click(self, selector: str, text: str | None = None, nth: int = 0, **how: object) -> None:
        more = {} if text is None else {"text": text}
        self._wire.ask("click", selector=selector, nth=nth, **more, **how)

    def press(self, *keys: str) -> None:
        for key in keys:
            self._wire.ask("press", key=key)

    def type(self, text: str) -> None:
        self._wire.ask("type", text=text)

    def arm(self, selector: str, pattern: str) -> None:
        """Take the time from the next click or key to that text."""
        self._wire.ask("arm", selector=selector, pattern=pattern)

    def took(self) -> float:
        """Milliseconds."""
        return float(self._wire.ask("took"))

    def command(self, title: str) -> None:
        """Run a command of the palette by its whole title."""
        self._open_palette()
        self.type(title)
        self.until(ROW, f"^{re.escape(title)}")
        self.press("Enter")
        self._wire.ask("wait", selector=QUICK, state="hidden")

    def _open_palette(self) -> None:
        # A web view that is closed takes the keys along that come before the editor behind it has the focus.
        for patience in (5.0, 5.0, 60.0):
            self.press("F1")
            with suppress(AssertionError):
                self._wire.ask("wait", selector=f"{QUICK} input", timeout=patience * 1000)
                return
        raise AssertionError("the palette does not open")

    def open(self, name: str, line: int = 1) -> None:
        """Open a file of the folder, with the cursor on a line."""
        self.click(FILE, text=name)
        self.until(f"{EDITOR}[data-uri$='{quote(name)}']")
        self.press("Control+1")
        self.at(line)

    def at(self, line: int) -> None:
        """Put the cursor on a line of the editor in front."""
        self.press("Control+g")
        self._wire.ask("wait", selector=f"{QUICK} input")
        self.type(str(line))
        self.press("Enter")
        self._wire.ask("wait", selector=QUICK, state="hidden")

    def menu(self, title: str) -> list[str]:
        """Open the light bulb's menu at the cursor; what it offers, once that is there."""
        for _ in range(20):
            self.press("Control+.")
            self.until(f"{MENU}, {NOTHING}")
            offered = self.texts(MENU)
            if title in offered:
                return offered
            # The first moments of a window: the server has not read the file yet.
            self.press("Escape")
            self.gone(f"{MENU}, {NOTHING}")
        raise AssertionError(f"{title} was not offered")

    def pick(self, title: str) -> None:
        """Click a line of the open menu."""
        # The editor lays something over the menu until the mouse moves.
        self.click(MENU, title, force=True)

    def generate(self) -> None:
        """Have the function at the cursor written, by the light bulb."""
        self.status("flow$")
        self.menu("Generate with flow")
        self.pick("Generate with flow")

    def buttons(self, awaited: str) -> list[str]:
        """The names of the buttons in the title of the editor in front, without their keys, once one is there."""
        self._wire.ask("wait", selector=f"{BUTTON}[aria-label^='{awaited}']")
        count = self.count(BUTTON)
        names = [
            str(self._wire.ask("attribute", selector=BUTTON, nth=n, name="aria-label")) for n in range(count)
        ]
        return [name.partition(" (")[0] for name in names]

    def button(self, name: str) -> None:
        self.click(f"{BUTTON}[aria-label^='{name}']")

    def source(self) -> str:
        """What the user's own editor shows, line by line."""
        found: str = self._wire.ask("source", selector=SOURCE)
        return found

    def source_until(self, pattern: str) -> str:
        self.until(SOURCE, pattern)
        return self.source()


def shots_folder(test: str) -> Path | None:
    """Where pictures go, if FLOWMILL_SHOTS names a folder."""
    given = os.environ.get("FLOWMILL_SHOTS")
    return Path(given) / re.sub(r"\W+", "-", test) if given else None


def write_script(path: Path, replies: list[dict[str, object]], *, repeat: bool = True) -> Path:
    """A script for `doubles.openai_server` as a process."""
    path.write_text(json.dumps({"replies": replies, "repeat": repeat}))
    return path
