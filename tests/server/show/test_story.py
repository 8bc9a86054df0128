"""A run's documents: the log that reads as a story, the draft, the diff."""

from __future__ import annotations

import re
import time

import pytest

from doubles.records import AFTER, TESTS, WORSE, RunTale, diff_of, repaired, until_streaming
from doubles.showing import a_job, told_job
from flowmill.events import DraftMade, TestReported
from flowmill_server.runs.job import State
from flowmill_server.show.markdown import code, fenced, prose
from flowmill_server.show.story import NO_DIFF, NO_DRAFT, draft_text, log_markdown, result_diff


async def test_the_log_tells_the_run_in_order() -> None:
    log = log_markdown(told_job(repaired(), "ready"))
    heads = re.findall(r"^#+ (.+)$", log, re.M)
    assert heads == [
        "Repair `chunked`",
        "Tests",
        "As it stands",
        "Draft 1, a small change of the code, made without the model",
        "Draft 2, from the model",
        "Draft 3, from the model",
        "Notes",
        "Stages",
        "Result",
    ]
    assert "model qwen2.5-coder-1.5b, strategy flow. Limits: 120 s, 40 calls, 100,000 tokens." in log
    assert "4 tests: those that were seen to run this function." in log
    assert "- ✓ `test_iterutils.py::test_chunked_basic`" in log
    assert "- ✗ `test_iterutils.py::test_chunked_text` timed out: `AssertionError: assert [[1]" in log
    assert "Goes on from draft 2 (3/4), where `test_iterutils.py::test_chunked_text` timed out." in log
    assert "**4/4 tests pass, the best.**" in log
    assert f"```diff\n{diff_of(AFTER)}```" in log
    assert "- drafts: " in log
    assert "Passing tests are evidence, not proof." in log
    assert "Before: 2 passed, 2 failed. After: 4 passed." in log
    assert "Tests the model never saw: 2/2 passed." in log
    assert "Nothing is changed until you accept it." in log
    assert "18 s: model 12.0 s" in log
    assert "--" not in re.sub(r"```diff.*?```", "", log, flags=re.S)


async def test_the_log_of_a_run_that_works_ends_with_what_it_is_at() -> None:
    log = log_markdown(told_job(until_streaming(), "working"))
    assert "## Now\n\nModel writing draft 3 …" in log
    assert "## Result" not in log
    assert "the best so far" in log


@pytest.mark.parametrize("state", ["queued", "cancelled", "replaced", "done"])
async def test_a_run_that_never_began_has_a_log_too(state: State) -> None:
    job = a_job()
    job.state = state
    assert log_markdown(job).startswith("# Repair `chunked`\n\nRun r0fabricat has not begun yet.")


async def test_what_broke_the_run_off_and_the_way_out_stand_at_the_end() -> None:
    job = told_job(RunTale().start(), "done")
    job.problem, job.hint = "no pytest in /venv/bin/python", "run: pip install pytest"
    assert log_markdown(job).endswith(
        "## Result\n\nBroken off: no pytest in /venv/bin/python\n\nrun: pip install pytest\n"
    )


async def test_notes_about_a_draft_stand_with_it_and_speak_of_settings() -> None:
    tale = until_streaming().note("draft 1: an import was added").note("draft 9 is not usable: no code in it")
    tale.note("from draft 2 on: tested in the code that is loaded").note("stopped: --max-calls 20 is spent")
    log = log_markdown(told_job(tale, "working"))
    first = log.partition("## Draft 1")[2].partition("## Draft 2")[0]
    second = log.partition("## Draft 2")[2].partition("## Now")[0]
    rest = log.partition("## Notes")[2]
    assert "- draft 1: an import was added" in first
    assert "- from draft 2 on: tested" in second
    assert "- draft 9 is not usable" in rest
    assert "- stopped: maxCalls 20 is spent" in rest


async def test_a_draft_that_no_test_ran_with_says_so() -> None:
    tale = RunTale().start().draft(1, WORSE).note("draft 1 is not trusted: it names pytest", "warning")
    log = log_markdown(told_job(tale.scored(1, "", best=False), "working"))
    assert "- draft 1 is not trusted: it names pytest\n\nNo test was run with it." in log


async def test_the_log_is_kept_until_something_happened_and_draws_only_what_changed() -> None:
    job = told_job(until_streaming(), "working")
    first = log_markdown(job)
    for record in RunTale().stream(3, "more and more").records:
        job.story.add(record)
    assert log_markdown(job) is first
    job.state = "cancelled"
    assert log_markdown(job) != first


async def test_a_project_with_ten_thousand_tests_gets_a_log_that_can_be_read() -> None:
    names = [f"tests/test_big.py::test_{n}" for n in range(10_000)]
    tale = RunTale(tests=names).start().outcomes(0, "pf" * 5_000)
    job = told_job(tale, "working")
    started = time.process_time()
    log = log_markdown(job)
    assert time.process_time() - started < 0.5
    assert len(log.splitlines()) < 120
    assert "- … and 9960 more" in log
    assert "- … and 4960 more of those that did not pass" in log
    assert "- … and 5000 more of those that passed or were skipped" in log


async def test_what_comes_from_models_and_tests_is_shown_and_not_obeyed() -> None:
    evil = 'x = """\n```\n![p](https://evil.example/p.png)\n````\n"""\n'
    tale = RunTale().start()
    tale.tell(DraftMade(1, "model", None, evil, "+" + evil.replace("\n", "\n+")))
    tale.tell(TestReported(1, TESTS[0], "failed", 0.1, "got `<img src=x>` \x1b[2J\u202e", ""))
    tale.note("![n](https://evil.example/n.png) <b>bold</b>")
    log = log_markdown(told_job(tale, "working"))
    assert "`````diff\n" in log
    assert "``got `<img src=x>` \\x1b[2J\\u202e``" in log
    assert "![n]\\(https://evil.example/n.png) \\<b>bold\\</b>" in log
    outside = re.sub(r"`````diff.*?`````", "", log, flags=re.S)
    assert "](" not in outside


@pytest.mark.parametrize(
    ("text", "span"),
    [("a", "`a`"), ("a`b", "``a`b``"), ("`a``b", "``` `a``b ```"), ("a\nb", "`a b`"), ("", ""), ("\n", "")],
)
def test_code_spans(text: str, span: str) -> None:
    assert code(text) == span


def test_fences_and_prose() -> None:
    assert fenced("a\n", "py") == "```py\na\n```"
    assert fenced("a", "py") == "```py\na\n```"
    assert fenced("", "py") == "```py\n```"
    assert fenced("```\n", "") == "````\n```\n````"
    assert prose("[x]: https://evil.example") == "\\[x]: https://evil.example"
    assert prose("test_pairs[0-0] passed") == "test_pairs[0-0] passed"
    assert prose(" two\n lines `x` ") == "two lines \\`x\\`"


async def test_the_draft_is_what_the_model_has_written_so_far() -> None:
    job = a_job()
    assert draft_text(job) == NO_DRAFT
    for record in until_streaming().records:
        job.story.add(record)
    assert draft_text(job) == AFTER[:170]
    job = told_job(until_streaming().draft(3, AFTER), "working")
    assert draft_text(job) == WORSE
    assert draft_text(told_job(repaired(), "ready")) == AFTER


async def test_the_last_draft_is_shown_where_none_is_better() -> None:
    tale = RunTale().start().draft(1, WORSE).draft(2, AFTER).scored(2, "f", best=False)
    assert draft_text(told_job(tale, "working")) == AFTER


async def test_the_diff_is_the_results_else_the_best_drafts() -> None:
    assert result_diff(a_job()) == NO_DIFF
    assert result_diff(told_job(until_streaming(), "working")) == diff_of(WORSE)
    assert result_diff(told_job(repaired(), "ready")) == diff_of(AFTER)
