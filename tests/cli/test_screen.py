"""The live screen: its frames at many widths, its lasting summary, and a run on a real terminal."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest
from rich.console import Console

from doubles.records import AFTER, TESTS, RunTale, diff_of, repaired, until_streaming
from flowmill.cli.screen import Screen, open_screen
from flowmill.errors import ProjectError
from flowmill.report.words import Prices
from flowmill.shapes import Usage

MANY = [f"tests/test_many.py::test_{i:03}" for i in range(300)]


@dataclass(frozen=True)
class Spent:
    calls: int
    usage: Usage


def spent() -> Spent:
    return Spent(2, Usage(2_000, 1_500, 150))


class Terminal:
    """A screen on a terminal of a given size, whose clock stands where the tale is."""

    def __init__(self, width: int = 80, height: int = 30, *, live: bool = False) -> None:
        self.out = io.StringIO()
        self.now = 0.0
        console = Console(file=self.out, force_terminal=live, width=width, height=height, highlight=False)
        self.console = console
        self.screen = Screen(console, prices=Prices(1.0, 0.1, 4.0), meter=spent, now=lambda: self.now)

    def tell(self, tale: RunTale) -> None:
        for record in tale.records:
            self.screen.show(record)
            self.now = record.t

    def fail(self, tale: RunTale, error: BaseException) -> None:
        """Tell the run inside the view's block, which then breaks off."""
        with self.screen:
            self.tell(tale)
            raise error

    def frame(self) -> list[str]:
        shot = Console(
            file=io.StringIO(),
            record=True,
            width=self.console.width,
            height=self.console.height,
            highlight=False,
        )
        shot.print(self.screen.frame())
        return [line.rstrip() for line in shot.export_text().splitlines()]

    def end(self) -> str:
        self.screen.__exit__(None, None, None)
        return self.out.getvalue()


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("height", [16, 24, 50])
def test_a_frame_fits_the_terminal(width: int, height: int) -> None:
    terminal = Terminal(width, height)
    terminal.tell(until_streaming())
    frame = terminal.frame()
    assert len(frame) < height
    assert max(map(len, frame)) <= width
    terminal.end()


def test_a_frame_shows_target_stages_table_draft_and_cost() -> None:
    terminal = Terminal()
    terminal.tell(until_streaming())
    frame = "\n".join(terminal.frame())
    assert "iterutils.py::chunked" in frame
    assert "of 2 min 00 s" in frame
    assert "✓\xa0baseline" in frame or "✓ baseline" in frame
    assert re.search(r"as it is +2/4 +✓✗✗✓", frame)
    assert re.search(r"1 mutation +2/4 +✓✗E✓", frame)
    assert re.search(r"★ +2 model +3/4 +✓✓✓T", frame)
    assert "draft 3, as the model writes it" in frame
    assert "│     src = list(src)" in frame
    assert "```" not in frame
    assert "2 calls · 2,000 tokens in (75 % cached), 150 out · $0.0013" in frame
    terminal.end()


def test_of_many_tests_those_that_tell_drafts_apart_are_shown() -> None:
    tale = RunTale(tests=MANY).start().outcomes(0, "p" * 200 + "f" * 10 + "p" * 90)
    tale.draft(1, AFTER).outcomes(1, "p" * 300).scored(1, "p" * 300, best=True)
    terminal = Terminal()
    terminal.tell(tale)
    frame = "\n".join(terminal.frame())
    assert "✗✗✗✗✗ ✗✗✗✗✗ +290 always ✓" in frame
    assert "✓✓✓✓✓ ✓✓✓✓✓ +290 always ✓" in frame
    terminal.end()


def test_of_many_failing_tests_as_many_as_fit_are_shown() -> None:
    terminal = Terminal(height=24)
    terminal.tell(RunTale(tests=MANY).start().outcomes(0, "f" * 300))
    frame = terminal.frame()
    assert len(frame) < 24
    assert "more" in "\n".join(frame)
    terminal.end()


@pytest.mark.parametrize("height", [24, 45])
def test_many_drafts_and_tests_leave_room_for_the_draft_being_written(height: int) -> None:
    tale = RunTale(tests=MANY).start().outcomes(0, "pf" * 150)
    for number in range(1, 21):
        tale.draft(number, AFTER).outcomes(number, "pf" * 150).scored(number, "pf" * 150, best=number == 3)
    terminal = Terminal(100, height)
    terminal.tell(tale.stream(21, "```python\n" + AFTER))
    frame = terminal.frame()
    assert len(frame) < height
    assert sum(line.startswith("│ ") for line in frame) >= 5
    terminal.end()


def test_of_many_drafts_the_baseline_the_best_and_the_newest_are_shown() -> None:
    tale = RunTale().start().outcomes(0, "ffff")
    for number in range(1, 31):
        tale.draft(number, AFTER).outcomes(number, "pfff").scored(number, "pfff", best=number == 4)
    terminal = Terminal()
    terminal.tell(tale)
    frame = "\n".join(terminal.frame())
    assert "as it is" in frame
    assert re.search(r"★ +4 model", frame)
    assert re.search(r" 30 model", frame)
    assert "earlier" in frame
    assert len(terminal.frame()) < 30
    terminal.end()


def test_the_summary_tells_a_stranger_what_happened() -> None:
    terminal = Terminal()
    terminal.tell(repaired())
    text = terminal.end()
    assert diff_of(AFTER).rstrip() in text
    assert re.search(r"before +█+░+ +2 passed, 2 failed", text)
    assert re.search(r"after +█{20} +4 passed", text)
    flat = " ".join(text.split())
    assert "Verified: all 4 tests that reach `chunked` pass; before, 2 did not." in flat
    assert "Passing tests are evidence, not proof." in flat
    assert "Held back: tests the model never saw: 2/2 passed" in flat
    assert "model 12.0 s, tests 5.1 s, overhead 1.1 s" in flat
    assert "7 calls · 12,345 tokens in (81 % cached), 1,020 out · $0.0074" in flat
    assert flat.endswith("Nothing written; use --apply to write it.")


def test_a_long_line_of_code_is_not_broken_by_us() -> None:
    long = AFTER.replace("all of them", "all of them, " * 20)
    terminal = Terminal(40)
    terminal.tell(RunTale().start().draft(1, long).finish("improved", 1, diff_of(long), "ffff", "pfff"))
    assert diff_of(long).rstrip() in terminal.end()


def test_a_written_file_is_named_and_nothing_else_said_of_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    terminal = Terminal()
    terminal.tell(repaired())
    terminal.screen.wrote(tmp_path / "pkg" / "mod.py")
    text = terminal.end()
    assert text.endswith("Written to pkg/mod.py.\n")
    assert "Nothing written" not in text


def test_an_interrupt_leaves_the_best_draft_on_the_screen() -> None:
    terminal = Terminal()
    with pytest.raises(KeyboardInterrupt):
        terminal.fail(until_streaming(), KeyboardInterrupt())
    text = terminal.out.getvalue()
    assert "Stopped: the best draft so far is number 2; 3/4 tests pass with it." in text
    assert "list(src)[i : i + size - 1]" in text
    assert text.endswith("Nothing written.\n")


def test_an_error_before_any_draft_leaves_the_screen_to_the_error() -> None:
    terminal = Terminal()
    with pytest.raises(ProjectError):
        terminal.fail(RunTale().start(), ProjectError("no pytest"))
    assert terminal.out.getvalue().strip() == ""


def test_several_runs_one_after_the_other() -> None:
    terminal = Terminal()
    terminal.tell(repaired())
    terminal.screen.wrote(Path("/x/a.py"))
    terminal.tell(repaired())
    text = terminal.end()
    assert text.count("Verified") == 2
    assert text.count("Written to") == 1
    assert text.count("Nothing written") == 1


def test_what_a_model_writes_cannot_drive_the_terminal() -> None:
    evil = "\x1b[2J\x1b]0;owned\x07\u202eevil\ud800"
    tale = RunTale(tests=[f"tests/test_x.py::test[{evil}]"]).start().note(evil).stream(1, evil)
    terminal = Terminal()
    terminal.tell(tale)
    frame = "\n".join(terminal.frame())
    terminal.tell(tale.draft(1, evil).outcomes(1, "f").scored(1, "f", best=True))
    terminal.tell(tale.finish("improved", 1, diff_of(evil), "f", "f"))
    for text in (frame, terminal.end()):
        assert not re.search("[\x1b\x07\u202e\ud800]", text)
        assert "\\x1b[2J" in text


@pytest.mark.parametrize("no_color", ["", "1"])
def test_no_color_takes_the_colours_and_nothing_else(no_color: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm")
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, width=80, highlight=False)
    terminal = Terminal()
    terminal.tell(until_streaming())
    console.print(terminal.screen.frame())
    terminal.end()
    assert bool(re.search(r"\x1b\[[0-9;]*3[1-6]m", out.getvalue())) == (no_color == "")
    assert "✓✗✗✓" in re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())


def test_on_a_real_terminal_the_live_part_is_drawn_and_cleared_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    master, slave = pty.openpty()
    chunks: list[bytes] = []
    reader = threading.Thread(target=drain, args=(master, chunks))
    reader.start()
    with (
        os.fdopen(slave, "w", encoding="utf-8") as stream,
        open_screen(stream, prices=None, meter=None) as screen,
    ):
        for record in repaired().records:
            screen.show(record)
    reader.join()
    os.close(master)
    text = b"".join(chunks).decode()
    assert "\x1b[?25l" in text
    assert text.count("\x1b[?25h") >= 1
    assert "Verified" in text.rpartition("\x1b[?25h")[2]
    assert all(name not in text.rpartition("\x1b[?25h")[2] for name in ("as the model writes it", TESTS[0]))


def drain(master: int, chunks: list[bytes]) -> None:
    """Read until the other end is closed, which Linux tells by an error."""
    while True:
        try:
            chunk = os.read(master, 65_536)
        except OSError:
            return
        if not chunk:
            return
        chunks.append(chunk)


def test_importing_the_screen_loads_no_lexer() -> None:
    code = (
        "import sys, flowmill.cli.screen; print([m for m in sys.modules if m.startswith('pygments.lexers.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['pygments.lexers._mapping']"
