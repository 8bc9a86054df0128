"""Fitting a context to a model: what goes first, and that it is said."""

from __future__ import annotations

import pytest

from flowmill.context.fit import FENCE, Fitted, estimate_tokens, fit
from flowmill.context.shapes import Context, TestSource, told_once
from flowmill.shapes import ModelProfile


def text(tokens: int, letter: str = "x") -> str:
    """A text that counts as that many tokens, fence included."""
    return letter * int((tokens - FENCE) * 3.3)


def profile(free: int) -> ModelProfile:
    return ModelProfile("m", context=free + 150, reply=100)


def shrunk(context: Context, free: int) -> Fitted:
    return fit(context, profile(free), 50)


FULL = Context(
    header=text(20, "h"),
    body=text(20, "b"),
    module="\n".join(f"line {number}" for number in range(30)),
    klass=text(20, "k"),
    definitions=(text(20, "d"), text(40, "e")),
    tests=tuple(TestSource(f"t.py::test_{number}", text(20, str(number))) for number in range(5)),
    callers=(text(20, "s"),),
    calls=(text(20, "c"),),
)


def test_a_large_model_gets_everything() -> None:
    fitted = shrunk(FULL, 10_000)

    assert fitted.cut == ()
    assert (fitted.header, fitted.body, fitted.module, fitted.klass) == (
        FULL.header,
        FULL.body,
        FULL.module,
        FULL.klass,
    )
    assert (fitted.tests, fitted.definitions, fitted.callers) == (
        FULL.tests,
        FULL.definitions,
        FULL.callers,
    )


@pytest.mark.parametrize(
    ("free", "kept"),
    [
        (20, []),
        (40, ["body"]),
        (60, ["body", "calls"]),
        (80, ["body", "calls", "tests1"]),
        (100, ["body", "calls", "tests1", "callers"]),
        (140, ["body", "calls", "tests3", "callers"]),
        (160, ["body", "calls", "tests3", "callers", "klass"]),
        (180, ["body", "calls", "tests3", "callers", "klass", "definitions1"]),
        (220, ["body", "calls", "tests3", "callers", "klass", "definitions2"]),
    ],
)
def test_what_matters_most_is_kept_longest(free: int, kept: list[str]) -> None:
    fitted = shrunk(FULL, free)

    names = [name for name in ("body", "klass", "module", "callers", "calls") if getattr(fitted, name)]
    names += [f"tests{len(fitted.tests)}"] if fitted.tests else []
    names += [f"definitions{len(fitted.definitions)}"] if fitted.definitions else []
    assert sorted(names) == sorted(kept)
    assert fitted.header == FULL.header
    assert fitted.tokens <= free


def test_what_is_cut_is_said_in_words() -> None:
    assert shrunk(FULL, 40).cut == (
        "the class",
        "the module's context",
        "5 of 5 tests",
        "2 of 2 definitions",
        "1 of 1 callers",
    )
    assert "the present body" in shrunk(FULL, 20).cut
    assert shrunk(FULL, 140).cut[-2:] == ("2 of 5 tests", "2 of 2 definitions")


def test_a_module_is_cut_by_lines_from_its_end() -> None:
    fitted = shrunk(Context(header="def f():", module=FULL.module), 60)

    assert FULL.module.startswith(fitted.module)
    kept = fitted.module.count("\n") + 1
    assert 3 <= kept < 30
    assert fitted.cut == (f"{30 - kept} of 30 lines of the module's context",)


def test_the_header_stays_even_if_it_is_too_long() -> None:
    fitted = shrunk(FULL, 10)

    assert fitted.header == FULL.header
    assert fitted.body == ""
    assert fitted.cut[0] == "everything but the header, which alone takes 14 of 10 tokens"


@pytest.mark.parametrize(
    ("words", "tokens"), [("", 0), ("x", 1), ("x" * 33, 10), ("é" * 33, 20), ("\ud800", 1)]
)
def test_tokens_are_estimated_by_bytes(words: str, tokens: int) -> None:
    assert estimate_tokens(words) == tokens


def test_a_helper_of_several_tests_is_told_and_counted_once() -> None:
    helper = text(30, "h")
    tests = tuple(
        TestSource(f"t.py::test_{n}", f"{helper}\n\n{text(20, str(n))}", (helper,)) for n in range(3)
    )
    assert told_once(tests) == (tests[0].text, text(20, "1"), text(20, "2"))
    fitted = shrunk(Context(header=text(20), tests=tests), 20 + 52 + 20)
    assert fitted.tests == tests[:2]
