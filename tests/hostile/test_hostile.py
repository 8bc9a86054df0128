"""Drafts that are after something else than the sum: nothing outside changes, and no faked pass is trusted."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator

import pytest
from _pytest.mark import ParameterSet

from flowmill.engine.gate import refusal
from hostile.arena import HONEST, Answer
from hostile.drafts import DRAFTS, Hostile
from hostile.outside import TESTS
from hostile.paths import RUNNERS, UNCONFINED
from hostile.stage import Stage, StageError

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the layers that are tried are those of Linux"
)
USERS = ("root", "ordinary user") if os.geteuid() == 0 else ("ordinary user",)
MODULE = (
    "import math\n\n\ndef add(a, b):\n    raise NotImplementedError\n\n\ndef untouched():\n    return 7\n"
)
HONEST_DRAFT = Hostile("honest", HONEST.strip())
CANNOT = {
    "unshare: ": "this root may not show its folders to another user",
    "mount: ": "this root may not show its folders to another user",
    "landlock: Function not implemented": "no draft is run on this machine",
    "landlock: Operation not supported": "no draft is run on this machine",
}
"""What the start of an arena says where it cannot be had, and what that means."""
SAMPLES = {"cold": slice(0, None, 5), "import": slice(1, None, 3)}
"""The ways differ before a draft begins, not in what it can do then: on the slow ones a sample is judged."""


def _cases() -> Iterator[ParameterSet]:
    for path in RUNNERS:
        for user in USERS:
            for draft in DRAFTS[SAMPLES.get(path, slice(None))]:
                marks = [pytest.mark.xfail(strict=True, reason=draft.limit)] if draft.limit else []
                yield pytest.param(user, path, draft, id=f"{user}-{path}-{draft.name}", marks=marks)


class Stages:
    """The arena that the present tests need; another one ends it."""

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self._folders = folders
        self._way = ("", "")
        self._stage: Stage | None = None

    def of(self, user: str, path: str) -> Stage:
        if self._stage is None or self._way != (user, path):
            self.end()
            root = self._folders.mktemp("arena") / "arena"
            self._stage = Stage.open(root, path, ordinary=user != "root" and os.geteuid() == 0)
            self._way = (user, path)
        return self._stage

    def end(self) -> None:
        stage, self._stage = self._stage, None
        if stage is not None:
            # Of what all of them did nothing is left that harms a draft.
            last = stage.judge(HONEST_DRAFT)
            stage.close()
            assert last.trusted_pass, last


@pytest.fixture(scope="module")
def stages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stages]:
    opened = Stages(tmp_path_factory)
    yield opened
    opened.end()


@pytest.mark.parametrize(("user", "path", "draft"), list(_cases()))
def test_a_hostile_draft(stages: Stages, user: str, path: str, draft: Hostile) -> None:
    try:
        stage = stages.of(user, path)
    except StageError as error:
        why = next((why for sign, why in CANNOT.items() if sign in str(error)), "")
        if not why:
            raise
        pytest.skip(f"{why}: {error}")
    answer = stage.judge(draft)
    assert answer.effects == []
    if draft.faked and not draft.by_gate:
        assert not answer.trusted_pass, "a faked pass is trusted"
    if path != "cold":
        following = stage.judge(HONEST_DRAFT)
        assert following.trusted_pass, "the next draft is harmed"
        assert following.path == path


@pytest.mark.parametrize(
    ("name", "effect"),
    [
        ("writes outside", "changed: outside/new"),
        ("reads an ssh key", "a secret in the report"),
        ("connects by TCP", "a connection to the tcp socket"),
        ("leaves a daemon", "a process survived"),
        ("signals by a descriptor", "signal SIGUSR1"),
    ],
)
def test_what_a_draft_does_would_be_seen(stages: Stages, name: str, effect: str) -> None:
    (draft,) = [draft for draft in DRAFTS if draft.name == name]
    answer = stages.of(USERS[0], UNCONFINED).judge(draft)
    assert any(seen.startswith(effect) for seen in answer.effects), answer


@pytest.mark.parametrize("draft", [draft for draft in DRAFTS if draft.by_gate], ids=lambda draft: draft.name)
def test_what_only_its_text_tells_is_refused(draft: Hostile) -> None:
    assert refused(draft)


def refused(draft: Hostile) -> str:
    return refusal(ast.parse(draft.whole), [ast.parse(MODULE)], [TESTS])


def test_an_answer_with_one_failure_is_no_pass() -> None:
    assert Answer({"a": "passed"}).trusted_pass
    assert not Answer({"a": "passed", "b": "skipped"}).trusted_pass
    assert not Answer({"a": "passed"}, doubt="x").trusted_pass
