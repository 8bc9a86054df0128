"""The shapes that everything passes; this module imports nothing of ours.

Lines are 1-based and inclusive, seconds are floats, texts are `str` with the
newlines of the file they come from, and paths are absolute.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Mode = Literal["generate", "repair"]
StrategyName = Literal["flow", "direct", "sample", "alphacodium"]
Outcome = Literal["passed", "failed", "error", "skipped", "timeout", "crashed"]
FINE: frozenset[Outcome] = frozenset({"passed", "skipped"})
"""Outcomes of tests that nothing is wrong with."""
Trust = Literal["project", "doctest", "model"]
SelectedHow = Literal["given", "coverage", "static", "all"]
Origin = Literal["model", "mutation", "donor"]
Status = Literal["verified", "improved", "unchanged", "failed", "cancelled"]
Overlay = Mapping[Path, bytes]
"""File contents that stand in for those on disk: the draft and every open buffer."""


@dataclass(frozen=True, slots=True)
class Target:
    """One function in one file, from its first decorator to its last line."""

    file: Path
    qualname: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Budget:
    """The four limits that end a run; `stale` counts answers in a row without new evidence."""

    seconds: float = 120.0
    calls: int = 40
    tokens: int = 100_000
    stale: int = 24


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the model's server counts them; `cached` is the part of `prompt` it had kept."""

    prompt: int = 0
    cached: int = 0
    completion: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt + other.prompt, self.cached + other.cached, self.completion + other.completion
        )


# ------------------------------------------------------------------ project and tests
@dataclass(frozen=True, slots=True)
class Project:
    """Where the user's code lives and the interpreter that runs its tests."""

    root: Path
    python: Path
    python_from: str
    """How the interpreter was found, in the user's words: "--python", "$VIRTUAL_ENV", ".venv" ..."""


@dataclass(frozen=True, slots=True)
class TestRef:
    """A test that a run counts, by pytest node id relative to the project's root."""

    __test__ = False
    id: str
    trust: Trust = "project"


@dataclass(frozen=True, slots=True)
class TestLimits:
    """What one run of the tests may use."""

    __test__ = False
    run_seconds: float = 60.0
    test_seconds: float = 10.0
    timeouts: int = 2
    """The run ends after this many tests have timed out."""
    output_bytes: int = 1_000_000


@dataclass(frozen=True, slots=True)
class TestOrder:
    """One run of tests against an overlay.

    `files` are handed to pytest (None: let the project's configuration choose; empty: no
    test of the project runs); of what they collect, only items whose node id equals or lies
    below an entry of `keep` run (empty: all). `doctest` adds the doctests of that function, `made` is
    the source of a test module that exists only in this run; its tests are reported
    as `flowmill::made::NAME`. `trace` asks which tests execute that function, `census`
    which functions of the project each test executes. `untrusted` says that the overlay
    holds code of a draft, which runs confined; `clean` asks for a process that shares
    nothing with any run before.
    """

    __test__ = False
    overlay: Overlay
    files: tuple[str, ...] | None = None
    keep: tuple[str, ...] = ()
    doctest: Target | None = None
    made: str | None = None
    trace: Target | None = None
    census: bool = False
    untrusted: bool = True
    clean: bool = False
    limits: TestLimits = TestLimits()

    @property
    def empty(self) -> bool:
        """Whether it asks for no test at all."""
        return self.files == () and self.doctest is None and self.made is None


@dataclass(frozen=True, slots=True)
class Collected:
    """The node ids that will run, in order."""

    tests: tuple[TestRef, ...]


@dataclass(frozen=True, slots=True)
class TestResult:
    """How one test went. `message` is one line, `details` a trimmed traceback.

    `call` is the first call of the traced function in it, with what it was given; "" if it was not traced.
    """

    __test__ = False
    id: str
    outcome: Outcome
    seconds: float
    message: str = ""
    details: str = ""
    call: str = ""


RunProblem = Literal[
    "no_python", "no_pytest", "usage", "collection", "crashed", "timeout", "output", "no_tests"
]


FunctionName = tuple[str, str]
"""A function of the project: its file relative to the root, with forward slashes, and its qualified name."""


@dataclass(frozen=True, slots=True)
class Census:
    """Which functions of the project each test executed.

    `shared` are those that ran at import, in fixtures that tests share, or in threads:
    they belong to every test.
    """

    tests: Mapping[str, frozenset[FunctionName]]
    shared: frozenset[FunctionName] = frozenset()


NeedKind = Literal["loopback", "internet", "unix", "processes", "write"]


@dataclass(frozen=True, slots=True)
class Need:
    """Something that the project's own code did and a closed sandbox refuses; `test` is "" outside of tests."""

    kind: NeedKind
    test: str = ""
    detail: str = ""


RunPath = Literal["swap", "import", "cold"]
"""How a draft got to its tests: put into code that was loaded before, loaded into a process
that had all but the project, or by a process of its own."""


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How a run of the tests ended.

    `problem` is None if every collected test was reported and pytest finished.
    A collection problem is `through_target` if the function under work is in its
    traceback, so that the target caused it. `reached` holds the ids of the tests
    that executed the traced function, None if that was not asked or not possible.
    `doubt` says why outcomes of this run are not to be trusted, "" if nothing speaks
    against them. `slower` says why `path` was not a faster one.
    """

    problem: RunProblem | None
    detail: str = ""
    through_target: bool = False
    reached: frozenset[str] | None = None
    census: Census | None = None
    needs: tuple[Need, ...] = ()
    notes: tuple[str, ...] = ()
    """What the user should know of the needs: what drafts get for them, and what they do not."""
    barred: frozenset[str] = frozenset()
    """Tests that did what no draft may do."""
    layers: tuple[str, ...] = ()
    """The layers of the sandbox that the run was in."""
    doubt: str = ""
    path: RunPath = "cold"
    slower: str = ""
    seconds: float = 0.0


RunnerMessage = Collected | TestResult | RunEnd


# ------------------------------------------------------------------ model
@dataclass(frozen=True, slots=True)
class HoleMarks:
    """The words by which a model was taught to fill a hole in a file: a project with its files, of which the
    last one has its text `before` the hole, its text `after` it, and then what is to be written."""

    project: str
    file: str
    before: str
    after: str
    written: str


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """What a model can take: its true context size in tokens, and which stages suit it.

    `reflects`: may reason and plan in prose (large models). `prefills`: continues an
    assistant message that the request begins (llama.cpp, vLLM, Ollama). `fills`: was
    taught to fill holes, by these marks, and is asked to.
    Prices are in dollars per million tokens, None if not known.
    """

    name: str
    context: int = 8192
    prompt: int = 0
    """Prompt tokens that are worth their time on this model; 0: whatever the context leaves."""
    reply: int = 1024
    width: int = 1
    """How many answers come about as fast together as one alone."""
    reflects: bool = False
    prefills: bool = False
    fills: HoleMarks | None = None
    temperature: float = 0.8
    top_p: float = 0.95
    price_prompt: float | None = None
    price_cached: float | None = None
    price_completion: float | None = None


@dataclass(frozen=True, slots=True)
class Message:
    role: Literal["system", "user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """What one call asks. A `prefill` is the beginning of the answer, for models that continue it.

    `raw` is a text in the model's own notation that it goes on with; there are no messages then, and
    the prefill says only how to read the answer.
    """

    messages: tuple[Message, ...]
    prefill: str = ""
    raw: str = ""
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    max_tokens: int = 1024
    stop: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of the answer, without the prefill."""

    text: str


@dataclass(frozen=True, slots=True)
class Restarted:
    """The stream broke and the answer begins anew: forget every delta that came before."""

    reason: str


FinishReason = Literal["stop", "length", "filter"]


@dataclass(frozen=True, slots=True)
class AnswerEnd:
    """The last thing a stream yields; the usage counts broken attempts of the same call too."""

    usage: Usage
    finish: FinishReason = "stop"


AnswerPiece = Delta | Restarted | AnswerEnd


# ------------------------------------------------------------------ candidates
@dataclass(frozen=True, slots=True)
class Draft:
    """What a candidate puts in place of the function's body, indented from column 0, newlines `\\n`.

    `imports` are import statements for the module's head, `helpers` whole top-level
    definitions that go before the function, `methods` definitions that go after it
    in its own class.
    """

    body: str
    imports: tuple[str, ...] = ()
    helpers: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A draft with where it came from; `reply` is the model's text that it was mended from."""

    number: int
    draft: Draft
    origin: Origin = "model"
    parent: int | None = None
    idea: str = ""
    reply: str = ""
    notes: tuple[str, ...] = field(default=())
