"""An editor that applies edits to its own buffer, and a table of runs that tests steer by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from lsprotocol import types

from flowmill.engine.request import Result
from flowmill.events import DraftMade, DraftScored, Evidence, Record, RunFinished, Seconds
from flowmill.shapes import Draft, Mode, Outcome, Status, Usage
from flowmill.source.diff import function_diff
from flowmill.source.functions import find
from flowmill.source.splice import splice
from flowmill.source.text import SourceFile
from flowmill_server.preview.parts import Delays
from flowmill_server.preview.previews import Previews
from flowmill_server.preview.proposal import Proposal
from flowmill_server.runs.job import Job, Origin, State
from flowmill_server.text.document import Document
from flowmill_server.text.documents import Documents
from flowmill_server.text.outline import FunctionSpan
from flowmill_server.text.positions import Encoding

QUICK = Delays(settle=0.02, retest=0.03, answer=0.3, confirm=0.3, arrive=0.3)
NO_TIME = Seconds(0.0, 0.0, 0.0, 0.0)


def result_of(path: Path, original: bytes, qualname: str, draft: Draft) -> Result:
    """A verified result as a run leaves it."""
    file = SourceFile.from_bytes(path, original)
    function = find(file, qualname)
    return Result(function.target(path), original, splice(file, function, draft), draft, True, True)


def finish(job: Job, result: Result | None, passed: int, failed: int, status: Status = "verified") -> None:
    """Tell the job's story to its end: one draft, scored. A run that was "unchanged" had none."""
    before, after = counted(0, passed + failed), counted(passed, failed)
    diff = code = ""
    if result is not None:
        old = SourceFile.from_bytes(result.target.file, result.original)
        new = SourceFile.from_bytes(result.target.file, result.data)
        diff, code = function_diff(old, result.data), find(new, result.target.qualname).source
    best = 1 if result else None
    drafts = [DraftMade(1, "model", None, code, diff), DraftScored(1, passed, failed, bool(best))]
    last = RunFinished(status, best, diff, Evidence(before, after, {}), 1, Usage(), NO_TIME)
    for number, event in enumerate([*(drafts if status != "unchanged" else ()), last]):
        job.story.add(Record(job.run, number, 0.0, event))
    job.result = result


def counted(passed: int, failed: int) -> dict[str, int]:
    tally: dict[Outcome, int] = {"passed": passed, "failed": failed}
    return {outcome: count for outcome, count in tally.items() if count}


class SteeredRuns:
    """The table of runs without an engine: tests end its runs."""

    def __init__(self) -> None:
        self.jobs: dict[str, Job] = {}
        self.previews: Previews | None = None
        self.moves: list[tuple[str, State]] = []
        self.begun = asyncio.Event()

    def add(self, job: Job) -> Job:
        self.jobs[job.run] = job
        return job

    def request(self, mode: Mode, document: Document, span: FunctionSpan, *, origin: Origin = "user") -> Job:
        assert document.path is not None
        name = f"r{len(self.jobs)}"
        job = Job(name, mode, document.uri, document.path, span.qualname, document.version, span.digest)
        job.origin, job.state = origin, "working"
        self.begun.set()
        return self.add(job)

    def recheck(self, job: Job, document: Document) -> Job | None:
        span = document.outline.find(job.qualname)
        return self.request(job.mode, document, span, origin="check") if span else None

    def cancel(self, run: str) -> Job | None:
        self.end(self.jobs[run], "cancelled")
        return self.jobs[run]

    def at(self, uri: str, qualname: str) -> Job | None:
        found = [
            job
            for job in self.jobs.values()
            if (job.uri, job.qualname) == (uri, qualname) and job.state in ("queued", "working", "ready")
        ]
        return found[-1] if found else None

    def move(self, job: Job, state: State) -> None:
        job.state = state
        self.moves.append((job.run, state))
        assert self.previews is not None
        self.previews.changed(job)

    def end(self, job: Job, state: State) -> None:
        job.state = state
        assert self.previews is not None
        self.previews.ended(job)

    @property
    def checks(self) -> list[Job]:
        return [job for job in self.jobs.values() if job.origin == "check"]


Answers = Literal["applies", "refuses", "nothing", "lies", "pieces"]


@dataclass
class ActingEditor:
    """Applies edits as editors do, telling of them by didChange; `answers` says how it misbehaves.

    refuses: answers `applied: false`; nothing: never answers; lies: says that it applied
    what it did not; pieces: one didChange per edit, and the answer before all of them.
    """

    apply_edit: bool = True
    document_changes: bool = True
    change_annotations: bool = False
    encoding: Encoding = "utf-16"
    answers: Answers = "applies"
    keep: Callable[[types.TextEdit], bool] = lambda edit: True
    """Which edits the user ticks."""
    afterwards: Callable[[str], str] = str
    """What the user or a formatter makes of the text at once."""
    messages: list[str] = field(default_factory=list[str])
    logged: list[str] = field(default_factory=list[str])
    asked: list[types.ApplyWorkspaceEditParams] = field(default_factory=list[types.ApplyWorkspaceEditParams])
    waits: list[float | None] = field(default_factory=list["float | None"])
    told: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.documents = Documents(self)

    def open(self, path: Path, text: str | None = None, *, version: int = 1) -> Document:
        item = types.TextDocumentItem(
            path.as_uri(), "python", version, path.read_bytes().decode() if text is None else text
        )
        return self.documents.open(item)

    def type(self, document: Document, text: str) -> None:
        """The buffer holds this text from now on."""
        self._change(document, types.TextDocumentContentChangeWholeDocument(text))

    def make(self, document: Document, edits: list[types.TextEdit]) -> None:
        """The edits of a code action, in one notification, the last place first."""
        self._change(document, *[_partial(edit) for edit in reversed(edits)])

    async def ask(self, method: str, params: object = None, *, seconds: float | None = 10) -> Any | None:
        assert method == types.WORKSPACE_APPLY_EDIT
        assert isinstance(params, types.ApplyWorkspaceEditParams)
        self.asked.append(params)
        self.waits.append(seconds)
        if self.answers == "nothing":
            return None
        if self.answers == "refuses":
            return types.ApplyWorkspaceEditResult(False, failure_reason="the buffer is read-only")
        if self.answers != "lies":
            self._apply(params.edit)
        return types.ApplyWorkspaceEditResult(True)

    def show_message(self, text: str, level: str = "info", *, once: bool = False) -> None:
        self.messages.append(text)
        self.told.set()

    def log(self, text: str, level: str = "info") -> None:
        self.logged.append(text)

    def _apply(self, edit: types.WorkspaceEdit) -> None:
        uri, version, edits = edits_of(edit)
        document = self.documents.get(uri)
        if document is None:
            # What editors do with a file that is not open: they open it and leave it unsaved.
            loaded = self.documents.load(uri)
            assert loaded.path is not None
            document = self.open(loaded.path, loaded.text)
        assert version in (None, document.version)
        kept = [edit for edit in edits if self.keep(edit)]
        if self.answers == "pieces":
            for number, one in enumerate(reversed(kept)):
                asyncio.get_running_loop().call_later(0.01 * (number + 1), self.make, document, [one])
        else:
            self.make(document, kept)
            if (text := self.afterwards(document.text)) != document.text:
                self.type(document, text)

    def _change(self, document: Document, *changes: types.TextDocumentContentChangeEvent) -> None:
        identifier = types.VersionedTextDocumentIdentifier(document.version + 1, document.uri)
        self.documents.change(types.DidChangeTextDocumentParams(identifier, changes))


def _partial(edit: types.TextEdit) -> types.TextDocumentContentChangePartial:
    return types.TextDocumentContentChangePartial(edit.range, edit.new_text)


def edits_of(edit: types.WorkspaceEdit) -> tuple[str, int | None, list[types.TextEdit]]:
    """The one document that an edit changes, its version, and the edits."""
    if edit.changes:
        ((uri, edits),) = edit.changes.items()
        return uri, None, list(edits)
    assert edit.document_changes is not None
    (change,) = edit.document_changes
    assert isinstance(change, types.TextDocumentEdit)
    edits = [
        types.TextEdit(each.range, each.new_text)
        for each in change.edits
        if not isinstance(each, types.SnippetTextEdit)
    ]
    return change.text_document.uri, change.text_document.version, edits


class Bench:
    """The previews with an editor and runs around them."""

    def __init__(self, path: Path, editor: ActingEditor | None = None, delays: Delays = QUICK) -> None:
        self.path = path
        self.editor = editor or ActingEditor()
        self.runs = SteeredRuns()
        self.tasks: set[asyncio.Task[None]] = set()
        self.previews = Previews(self.editor, self.editor.documents, self.runs, self._spawn, delays)
        self.runs.previews = self.previews

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(lambda done: self.tasks.discard(done) or done.result())

    def ready(self, draft: Draft, qualname: str = "add", text: str | None = None) -> Job:
        """A run on the file that has just ended well: 4/4 tests."""
        document = self.editor.documents.get(self.path.as_uri())
        original = document.encoded() if document else self.path.read_bytes()
        if text is not None:
            original = text.encode()
        result = result_of(self.path, original, qualname, draft)
        began = Document(self.path.as_uri(), "python", 1, SourceFile.from_bytes(self.path, original).text)
        span = began.outline.find(qualname)
        assert span is not None
        job = self.runs.request("generate", began, span)
        finish(job, result, 4, 0)
        self.runs.end(job, "ready")
        return job

    @property
    def on_disk(self) -> str:
        return self.path.read_text()

    def write(self, text: str) -> None:
        self.path.write_text(text)

    def delete(self) -> None:
        self.path.unlink()

    def offer(self, job: Job) -> Proposal:
        """What may be accepted, as far as that is known."""
        document = self.editor.documents.get(job.uri)
        assert document is not None
        proposal = self.previews.edits(job, document)
        assert proposal is not None
        return proposal

    def pass_check(self, check: Job, job: Job, draft: Draft, passed: int = 4, failed: int = 0) -> None:
        """End a test run of a kept draft: it is offered if nothing fails."""
        document = self.editor.documents.get(job.uri)
        assert document is not None
        fine = not failed
        result = result_of(self.path, document.encoded(), job.qualname, draft)
        finish(check, result if fine else None, passed, failed, "verified" if fine else "failed")
        self.runs.end(check, "ready" if fine else "done")


async def until(condition: Callable[[], object], what: str, seconds: float = 5.0) -> None:
    """Let the loop run until something holds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    while not condition():
        assert loop.time() < deadline, f"it did not come to this: {what}"
        await asyncio.sleep(0.002)
