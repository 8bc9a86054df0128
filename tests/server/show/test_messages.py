"""One quiet line at the end of a run that the user started, and what its buttons do."""

from __future__ import annotations

from pathlib import Path

import pytest
from lsprotocol import types

from doubles.records import WORSE, RunTale, diff_of, repaired
from doubles.showing import NEVER, Beside, Hand, HandClock, Paper, ToldRuns, a_job, client_on
from flowmill.shapes import Status
from flowmill_server.runs.job import Job, Origin, State
from flowmill_server.show.files import RunFiles
from flowmill_server.show.messages import Messages
from flowmill_server.show.viewer import Viewer
from flowmill_server.show.virtual import VirtualDocuments

ASK = types.WINDOW_SHOW_MESSAGE_REQUEST


def unsolved(status: Status) -> RunTale:
    tale = (
        RunTale()
        .start()
        .outcomes(0, "pffp")
        .draft(1, WORSE)
        .outcomes(1, "ffff")
        .scored(1, "ffff", best=False)
    )
    tale.draft(2, WORSE).outcomes(2, "pppf").scored(2, "pppf", best=True)
    return tale.finish(status, 2, diff_of(WORSE), "pffp", "pppf")


class Bench:
    def __init__(self, *able: str, name: str = "", flow: dict[str, object] | None = None) -> None:
        self.paper, self.beside, self.runs, self.hand = Paper(), Beside(), ToldRuns(), Hand()
        client = client_on(self.paper, *able, name=name, flow=flow)
        virtual = VirtualDocuments(client, self.runs, self.beside.spawn, HandClock())
        viewer = Viewer(client, virtual, RunFiles(Path), self.beside.spawn)
        self.runs.listen(Messages(client, viewer, self.hand, self.beside.spawn))

    async def run(self, tale: RunTale, state: State, origin: Origin = "user") -> Job:
        job = a_job()
        job.origin = origin
        self.runs.begin(job)
        self.runs.tell(job, tale.records)
        self.runs.end(job, state)
        await self.beside.settle()
        return job

    @property
    def asked(self) -> list[tuple[str, tuple[str, ...]]]:
        return [(p.message, tuple(a.title for a in p.actions)) for p in self.paper.heard(ASK)]


@pytest.mark.parametrize(
    ("tale", "state", "text", "buttons"),
    [
        (
            repaired(),
            "ready",
            "flow: chunked is verified: 4/4 tests pass",
            ("Accept", "Show diff", "Discard"),
        ),
        (
            unsolved("improved"),
            "ready",
            "flow: chunked is not verified: 3/4 tests pass, not test_chunked_text; "
            "read the result before you accept it",
            ("Show diff", "Show log"),
        ),
        (
            RunTale().start().draft(1, WORSE).finish("improved", 1, diff_of(WORSE), "", ""),
            "ready",
            "flow: chunked is not verified: no test runs this function, so nothing shows that the draft "
            "is right. Read it before you use it.",
            ("Show diff", "Show log"),
        ),
        (
            RunTale()
            .start()
            .draft(1, WORSE)
            .outcomes(1, "pppp")
            .note("draft 1 is not trusted: test_a passed and then failed at random", "warning")
            .finish("improved", 1, diff_of(WORSE), "pffp", "pppp"),
            "ready",
            "flow: chunked is not verified: draft 1 is not trusted: test_a passed and then failed at random",
            ("Show diff", "Show log"),
        ),
        (
            unsolved("failed"),
            "done",
            "flow: chunked is not solved: at best 3/4 tests pass, not test_chunked_text; nothing was changed",
            ("Show log",),
        ),
        (
            RunTale().start().outcomes(0, "pppp").finish("unchanged", None, "", "pppp", "pppp"),
            "done",
            "flow: chunked: nothing fails: 4/4 tests; nothing was changed",
            ("Show log",),
        ),
    ],
)
async def test_how_it_came_out_and_the_next_steps(
    tale: RunTale, state: State, text: str, buttons: tuple[str, ...]
) -> None:
    bench = Bench("message_actions", "apply_edit")
    await bench.run(tale, state)
    assert bench.asked == [(text, buttons)]
    assert bench.paper.messages == []
    plain = Bench()
    await plain.run(tale, state)
    assert plain.paper.messages == [text]


async def test_a_run_that_broke_off_says_why_and_the_way_out() -> None:
    bench = Bench()
    job = bench.runs.begin(a_job())
    job.problem, job.hint = "the model at http://h/v1 is out of reach", "start it, or unset FLOWMILL_BASE_URL"
    bench.runs.end(job, "done")
    (message,) = bench.paper.heard(types.WINDOW_SHOW_MESSAGE)
    assert message.type == types.MessageType.Error
    assert message.message == (
        "flow: chunked: the model at http://h/v1 is out of reach (start it, or unset FLOWMILL_BASE_URL)"
    )


@pytest.mark.parametrize("origin", ["auto", "check", "request"])
async def test_runs_that_the_user_did_not_start_end_in_silence(origin: Origin) -> None:
    bench = Bench("message_actions", "apply_edit")
    await bench.run(repaired(), "ready", origin)
    assert bench.paper.told == []
    assert bench.paper.asked == []


@pytest.mark.parametrize("state", ["cancelled", "replaced"])
async def test_a_run_that_was_stopped_ends_in_silence(state: State) -> None:
    bench = Bench()
    await bench.run(RunTale().start(), state)
    assert bench.paper.told == []


async def test_a_plugin_that_speaks_for_itself_turns_them_off() -> None:
    bench = Bench("message_actions", "apply_edit", flow={"messages": False})
    await bench.run(repaired(), "ready")
    assert bench.asked == []
    assert bench.paper.messages == []


async def test_a_client_whose_question_takes_the_keyboard_gets_the_line_alone() -> None:
    bench = Bench("message_actions", "apply_edit", name="Neovim")
    await bench.run(repaired(), "ready")
    assert bench.asked == []
    assert bench.paper.messages == ["flow: chunked is verified: 4/4 tests pass"]


@pytest.mark.parametrize(
    ("button", "deeds"), [("Accept", ["accept"]), ("Discard", ["discard"]), ("Other", [])]
)
async def test_the_buttons_do_what_they_say(button: str, deeds: list[str]) -> None:
    bench = Bench("message_actions", "apply_edit")
    bench.paper.answers[ASK] = types.MessageActionItem(button)
    await bench.run(repaired(), "ready")
    assert [name for name, _ in bench.hand.deeds] == deeds


async def test_the_diff_is_shown_by_its_button() -> None:
    bench = Bench("message_actions", "apply_edit")
    bench.paper.answers[ASK] = types.MessageActionItem("Show diff")
    job = await bench.run(repaired(), "ready")
    assert bench.paper.logged == [job.story.diff]


async def test_an_answer_that_comes_when_the_run_moved_on_does_nothing() -> None:
    bench = Bench("message_actions", "apply_edit")
    bench.paper.answers[ASK] = NEVER
    job = await bench.run(repaired(), "ready")
    bench.runs.move(job, "discarded")
    bench.paper.answer(ASK, types.MessageActionItem("Accept"))
    await bench.beside.settle()
    assert bench.hand.deeds == []
    assert not bench.beside.tasks
