"""What a run amounts to, in words: one row a way to end."""

from __future__ import annotations

import pytest

from doubles.records import AFTER, RunTale, diff_of, repaired
from flowmill.report.diffs import diff_lines
from flowmill.report.story import story_of
from flowmill.report.words import (
    Prices,
    answer_code,
    clean,
    clock,
    files_words,
    held_back,
    prices_from,
    prices_of,
    verdict,
)
from flowmill.shapes import ModelProfile, Status, Usage

DIFF = diff_of(AFTER)


@pytest.mark.parametrize(
    ("status", "before", "after", "says"),
    [
        ("verified", "pffp", "pppp", "Verified: all 4 tests that reach `chunked` pass; before, 2 did not."),
        ("verified", "e", "p", "Verified: the test that reaches `chunked` passes; before, 1 did not."),
        ("verified", "", "pp", "Verified: all 2 tests that reach `chunked` pass."),
        (
            "verified",
            "fps",
            "pps",
            "Verified: all 2 tests that reach `chunked` pass; before, 1 did not (1 test",
        ),
        ("improved", "ffff", "pppf", "Better, but not verified: 3 of 4 tests pass; before, 0 did."),
        ("improved", "", "", "Better, but not verified: no test runs this function"),
        ("improved", "pp", "pp", "Better, but not verified: 2 passed, but no test that failed before"),
        ("unchanged", "pppp", "pppp", "Unchanged: nothing fails here (4 passed)."),
        (
            "unchanged",
            "pf",
            "pf",
            "Unchanged: no draft did better than the code as it stands (1 passed, 1 failed)",
        ),
        ("failed", "ff", "ff", "Not solved: the best that was found: 2 failed."),
        ("failed", "", "", "Not solved: no draft could be judged by a test."),
        ("cancelled", "ff", "", "Cancelled: there is no draft better than the code as it stands."),
    ],
)
def test_the_verdict_in_words(status: Status, before: str, after: str, says: str) -> None:
    story = story_of(RunTale().start().finish(status, None, DIFF, before, after).records)
    found = verdict(story)
    assert f"{found.head}: {found.text}".startswith(says)


@pytest.mark.parametrize(
    ("status", "diff", "says"),
    [
        ("verified", DIFF, "Nothing written; use --apply to write it."),
        ("improved", DIFF, "Nothing written; --apply --allow-unverified would write it all the same."),
        ("cancelled", DIFF, "Nothing written."),
        ("unchanged", "", "Nothing written."),
    ],
)
def test_what_happened_to_the_files(status: Status, diff: str, says: str) -> None:
    story = story_of(RunTale().start().finish(status, 1, diff, "f", "p").records)
    assert files_words(story) == says


def test_held_back_tests_are_told_apart_or_not_at_all() -> None:
    assert held_back(story_of(repaired().records)) == "tests the model never saw: 2/2 passed"
    story = story_of(RunTale().start().finish("verified", 1, DIFF, "f", "p", "ppf").records)
    assert held_back(story) == "tests the model never saw: 2/3 passed"
    assert held_back(story_of(RunTale().start().finish("verified", 1, DIFF, "f", "p").records)) == ""


def test_prices_are_used_only_if_both_directions_are_known() -> None:
    assert prices_of(None) is None
    assert prices_of(ModelProfile("m", price_prompt=1.0)) is None
    known = prices_of(ModelProfile("m", price_prompt=2.0, price_completion=8.0))
    assert known == Prices(2.0, 2.0, 8.0)
    assert prices_from({"prices": {"prompt": 2, "cached": None, "completion": 8}}) == known
    assert prices_from({"prices": "free"}) is None
    assert Prices(2.0, 0.5, 8.0).cost(Usage(1_000_000, 400_000, 100_000)) == pytest.approx(1.2 + 0.2 + 0.8)


@pytest.mark.parametrize(
    ("seconds", "says"), [(0.04, "0.0 s"), (9.96, "10 s"), (119.6, "2 min 00 s"), (185, "3 min 05 s")]
)
def test_seconds_as_people_read_them(seconds: float, says: str) -> None:
    assert clock(seconds) == says


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("def f():", "def f():"),
        ("Sure:\n```py", ""),
        ("Sure:\n```python\ndef f():\n", "def f():\n"),
        ("```\nx\n```\nprose", "x\n"),
    ],
)
def test_the_code_of_an_answer_that_still_arrives(text: str, code: str) -> None:
    assert answer_code(text) == code


def test_clean_leaves_text_alone_and_disarms_the_rest() -> None:
    assert clean("a\tb\r\nc é 🐍") == "a\tb\nc é 🐍"
    assert clean("\x1b\x9b\u202e\ud800\r") == "\\x1b\\x9b\\u202e\\ud800\\x0d"


def test_a_diff_line_knows_its_side_even_if_it_looks_like_a_head() -> None:
    lines = diff_lines(
        "--- a/x\n+++ b/x\n@@ -1 +1 @@\n--- not a head\n+++ nor this\n\\ No newline at end of file\n"
    )
    assert [line.side for line in lines] == ["head", "head", "hunk", "old", "new", "head"]
