"""Runs pytest in the user's interpreter and reports every outcome at the moment of the test's end.

Started as a script, under CPython 3.9 to 3.14 and pytest 7 to 9: it may use nothing
but the standard library and pytest, and nothing of ours is importable from it. The
order comes as JSON on stdin; the report goes as JSON lines to the descriptor named
in `$FLOWMILL_RESULTS`.
"""

from __future__ import annotations

import ast
import base64
import doctest
import importlib
import importlib.machinery
import importlib.util
import io
import json
import linecache
import os
import pathlib
import re
import resource
import shlex
import signal
import sys
import threading
import time
import types
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

_HERE = os.path.dirname(os.path.abspath(__file__))
if __name__ == "__main__" and sys.path and os.path.abspath(sys.path[0]) == _HERE:
    # As `python -m pytest` has it.
    sys.path[0] = os.getcwd()

try:
    import pytest
except ImportError as _missing:
    if __name__ == "__main__":
        _told = {
            "k": "hello",
            "problem": "no_pytest",
            "detail": "" if _missing.name == "pytest" else str(_missing),
        }
        os.write(int(os.environ["FLOWMILL_RESULTS"]), json.dumps(_told).encode() + b"\n")
    raise

MADE = "flowmill::made"
DETAIL_CHARS = 6_000
KEPT_OUTPUT = 256 * 1024
PROFILED_CALLS = 1_000_000
NICENESS = 10
FILE_BYTES = 512 * 1024 * 1024
Hook = Generator[None, Any, None]


@dataclass(frozen=True)
class Goal:
    """The function under work; `start` and `end` are its lines in the user's text."""

    file: str
    qualname: str
    start: int
    end: int


@dataclass(frozen=True)
class Order:
    """What the parent asks; see its `TestOrder`. `only` restricts a second process to what is left."""

    parent: int
    scratch: str
    pycache: str
    write_bytecode: bool
    overlay: dict[str, str]
    files: list[str]
    keep: list[str]
    only: list[str] | None
    goal: Goal | None
    doctest: Goal | None
    trace: bool
    made: str | None
    test_seconds: float


def read_order(text: str) -> Order:
    fields = json.loads(text)
    for name in ("goal", "doctest"):
        fields[name] = fields[name] and Goal(**fields[name])
    return Order(**fields)


class Channel:
    """The report. A forked copy of this process has none."""

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)
        self._descriptor = descriptor
        self._pid = os.getpid()
        self._lock = threading.Lock()

    def mine(self) -> bool:
        return os.getpid() == self._pid

    def send(self, kind: str, **fields: object) -> None:
        if not self.mine():
            return
        data = json.dumps({"k": kind, **fields}).encode("ascii") + b"\n"
        with self._lock:
            while data:
                data = data[os.write(self._descriptor, data) :]


# ------------------------------------------------------------------ the overlay
class Overlay:
    """File contents that stand in for those on disk, found by real path."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = {os.path.realpath(path): data for path, data in files.items()}
        self._seen: dict[str, bytes | None] = {}

    def get(self, path: Any) -> bytes | None:
        if not self.files:
            return None
        text = os.fsdecode(path)
        if text not in self._seen:
            data = self.files.get(os.path.realpath(text))
            if not os.path.isabs(text):
                return data
            self._seen[text] = data
        return self._seen[text]

    def source(self, path: str) -> str | None:
        """The text as Python reads it, None if it is not overlaid or not decodable."""
        data = self.get(path)
        try:
            return None if data is None else importlib.util.decode_source(data)
        except (SyntaxError, UnicodeDecodeError):
            return None


def serve_imports(overlay: Overlay) -> None:
    """Give the import system and runpy the overlay's bytes, and never a .pyc for them."""
    loader = importlib.machinery.SourceFileLoader
    path_stats, get_data, open_code = loader.path_stats, loader.get_data, io.open_code

    def overlaid_stats(self: Any, path: str) -> Any:
        if overlay.get(path) is not None:
            # The import system takes this as "no bytecode for this one, neither read nor write".
            raise OSError("served from memory")
        return path_stats(self, path)

    def overlaid_data(self: Any, path: str) -> bytes:
        data = overlay.get(path)
        return get_data(self, path) if data is None else data

    def overlaid_code(path: str) -> Any:
        data = overlay.get(path)
        return open_code(path) if data is None else io.BytesIO(data)

    patched = cast(Any, loader)
    patched.path_stats, patched.get_data = overlaid_stats, overlaid_data
    cast(Any, io).open_code = overlaid_code
    if not all(os.path.exists(path) for path in overlay.files):
        sys.meta_path.append(cast(Any, UnsavedFinder(overlay)))


class UnsavedFinder:
    """Finds modules whose file exists in the overlay only."""

    def __init__(self, overlay: Overlay) -> None:
        self._overlay = overlay

    def find_spec(self, name: str, path: Iterable[str] | None = None, target: Any = None) -> Any:
        tail = name.rpartition(".")[2]
        for entry in sys.path if path is None else path:
            folder = os.path.join(entry or os.getcwd(), tail)
            for file, inside in ((os.path.join(folder, "__init__.py"), [folder]), (folder + ".py", None)):
                if self._overlay.get(file) is not None:
                    loader = importlib.machinery.SourceFileLoader(name, file)
                    return importlib.util.spec_from_file_location(
                        name, file, loader=loader, submodule_search_locations=inside
                    )
        return None


def serve_lines(overlay: Overlay) -> None:
    """Let tracebacks, inspect and doctest see the overlay's lines, also after `linecache.clearcache()`."""
    update = linecache.updatecache

    def overlaid(filename: str, module_globals: Any = None) -> list[str]:
        source = None if filename.startswith("<") else overlay.source(filename)
        if source is None:
            return update(filename, module_globals)
        lines = io.StringIO(source).readlines()
        # Without a time of modification the entry is never held against the file on disk.
        linecache.cache[filename] = (len(source), None, lines, filename)
        return lines

    cast(Any, linecache).updatecache = overlaid


class _Served(type(pathlib.Path())):
    """A path whose content is that of the overlay."""

    served: bytes = b""

    def read_bytes(self) -> bytes:
        return self.served


def serve_rewriter(overlay: Overlay) -> None:
    """Let pytest rewrite the assertions of overlaid test files and conftests, without its bytecode cache."""
    rewriter: Any = importlib.import_module("_pytest.assertion.rewrite")
    read, rewrite, write = rewriter._read_pyc, rewriter._rewrite_test, rewriter._write_pyc

    def overlaid_read(source: Any, *rest: Any) -> Any:
        return None if overlay.get(source) is not None else read(source, *rest)

    def overlaid_rewrite(path: Any, config: Any) -> Any:
        data = overlay.get(path)
        if data is None:
            return rewrite(path, config)
        served = _Served(path)
        served.served = data
        return rewrite(served, config)

    def overlaid_write(state: Any, code: types.CodeType, *rest: Any) -> Any:
        return False if overlay.get(code.co_filename) is not None else write(state, code, *rest)

    rewriter._read_pyc, rewriter._rewrite_test, rewriter._write_pyc = (
        overlaid_read,
        overlaid_rewrite,
        overlaid_write,
    )


def place_bytecode(project: str, prefix: str, write: bool) -> None:
    """Keep bytecode in a cache of our own; only read what installed packages brought along.

    With a bare prefix every installed package would be compiled anew once, which takes
    many seconds for a large one.
    """
    sys.pycache_prefix, sys.dont_write_bytecode = prefix, not write
    machinery: Any = sys.modules["_frozen_importlib_external"]
    ours: Callable[..., str] = machinery.cache_from_source
    loader = importlib.machinery.SourceFileLoader
    set_data = loader.set_data
    suffix = f".{sys.implementation.cache_tag}.pyc"
    inside = os.path.join(project, "")

    def cache_from_source(path: str, *args: Any, **options: Any) -> str:
        if not path.startswith(inside) or "site-packages" in path:
            head, tail = os.path.split(path)
            beside = os.path.join(head, "__pycache__", tail.rpartition(".")[0] + suffix)
            if os.path.isfile(beside):
                return beside
        return ours(path, *args, **options)

    def guarded(self: Any, path: str, data: bytes, **options: Any) -> None:
        if path.startswith(prefix):
            set_data(self, path, data, **options)

    if not sys.flags.optimize:
        machinery.cache_from_source = cache_from_source
    cast(Any, loader).set_data = guarded


# ------------------------------------------------------------------ options of the project that would get in the way
_FLAGS = re.compile(
    r"--(lf|last-failed|ff|failed-first|nf|new-first|sw|stepwise|sw-skip|stepwise-skip|sw-reset|stepwise-reset"
    r"|cache-clear|cov-branch|cov-append|no-cov|no-cov-on-fail|self-contained-html|exitfirst|pdb|trace|looponfail"
    r"|forked|co|collect-only|setup-only|setup-plan|json-report|random-order|randomly-dont-re(set-seed|organize))"
)
_VALUED = re.compile(
    r"--(numprocesses|dist|maxprocesses|tx|px|rsyncdir|cov-[a-z-]+|lfnf|last-failed-no-failures|cache-show|junit-?xml"
    r"|junit-?prefix|html|css|maxfail|pdbcls|basetemp|json-report-[a-z-]+|report-log|random-order-[a-z-]+"
    r"|randomly-[a-z-]+)"
)
_PLUGINS = re.compile(
    r"no:(terminal|tmpdir|doctest)|xdist(\.plugin|\.looponfail)?|pytest_cov(\.plugin)?|(pytest_)?randomly|random_order"
)


def strip_options(given: Sequence[str]) -> list[str]:
    """Drop options that would spread the tests over processes, stop them early, or write files."""
    kept: list[str] = []
    rest = list(given)
    while rest:
        argument = rest.pop(0)
        name, equals, _ = argument.partition("=")
        if _FLAGS.fullmatch(name):
            continue
        if name == "--cov" or name == "-n" or _VALUED.fullmatch(name):
            if not equals and rest and not rest[0].startswith("-"):
                rest.pop(0)
        elif argument == "-p" and rest:
            value = rest.pop(0)
            kept += [] if _PLUGINS.fullmatch(value) else [argument, value]
        elif argument.startswith("-n") or (argument.startswith("-p") and _PLUGINS.fullmatch(argument[2:])):
            continue
        elif argument.startswith("--") or not argument.startswith("-"):
            kept.append(argument)
        else:
            kept += _strip_letters(argument)
    return kept


def _strip_letters(argument: str) -> list[str]:
    """`-xvs` without its x; what follows the first letter that takes a value is left alone."""
    flags = re.match(r"-[vqslhVx]*", argument)
    head = flags.group() if flags else ""
    stripped = head.replace("x", "") + argument[len(head) :]
    return [] if stripped == "-" and argument != "-" else [stripped]


def strip_configured_options() -> None:
    """Strip what comes from `$PYTEST_ADDOPTS` and, whatever file it is in, from the ini option addopts."""
    given = os.environ.get("PYTEST_ADDOPTS")
    if given:
        os.environ["PYTEST_ADDOPTS"] = shlex.join(strip_options(shlex.split(given)))
    getini = pytest.Config.getini

    def stripped(self: pytest.Config, name: str) -> Any:
        value = getini(self, name)
        return strip_options(value) if name == "addopts" else value

    cast(Any, pytest.Config).getini = stripped


# ------------------------------------------------------------------ the function under work
def find_spans(source: str, qualname: str) -> list[tuple[int, int]]:
    """The lines, from the first decorator on, of every definition that has this qualified name."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return []
    wanted = qualname.replace(".<locals>", "")
    found: list[tuple[int, int]] = []

    def walk(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                walk(child, prefix)
                continue
            name = f"{prefix}{child.name}"
            if name == wanted and not isinstance(child, ast.ClassDef):
                first = min([child.lineno] + [decorator.lineno for decorator in child.decorator_list])
                found.append((first, child.end_lineno or child.lineno))
            walk(child, name + ".")

    walk(tree, "")
    return found


class Watch:
    """Knows the target's code when it sees it, and which tests execute it."""

    def __init__(self, goal: Goal, overlay: Overlay) -> None:
        self.file = os.path.realpath(goal.file)
        self.spans = find_spans(overlay.source(goal.file) or _text_on_disk(goal.file), goal.qualname)
        self._given = (goal.start, goal.end)
        self._firsts = {start for start, _ in self.spans}
        self._name = goal.qualname.rpartition(".")[2]
        self._same: dict[str, bool] = {}
        self.reached = self.everywhere = self.shared = False
        self.test_runs = False
        self._calls = 0
        self.tell: Callable[[], None] = lambda: None
        """Called at a test's first step into the target: a test that then kills its process has reached it."""

    def _here(self, filename: str) -> bool:
        if filename not in self._same:
            self._same[filename] = os.path.realpath(filename) == self.file
        return self._same[filename]

    def is_target(self, code: types.CodeType) -> bool:
        return (
            code.co_name == self._name
            and code.co_firstlineno in self._firsts
            and self._here(code.co_filename)
        )

    def in_span(self, filename: str, line: int) -> bool:
        return self._here(filename) and any(a <= line <= b for a, b in self.spans or [self._given])

    def hit(self) -> None:
        """What runs outside of a test, or in a fixture that tests share, counts for all of them."""
        if self.test_runs and not self.shared:
            if not self.reached:
                self.reached = True
                self.tell()
        else:
            self.everywhere = True

    def start(self) -> bool:
        """Begin to trace; False if the function is not there or the interpreter is traced already."""
        if not self.spans:
            return False
        monitoring: Any = getattr(sys, "monitoring", None)
        if monitoring is None:
            threading.setprofile(self._called)
            self.resume()
            return True
        free = [tool for tool in (4, 3) if monitoring.get_tool(tool) is None]
        if free:
            monitoring.use_tool_id(free[0], "flowmill")
            monitoring.register_callback(free[0], monitoring.events.PY_START, self._entered)
            monitoring.set_events(free[0], monitoring.events.PY_START)
        return bool(free)

    def _entered(self, code: types.CodeType, offset: int) -> Any:
        if self.is_target(code):
            self.hit()
            return None
        return cast(Any, sys).monitoring.DISABLE

    def _called(self, frame: types.FrameType, event: str, arg: object) -> None:
        if event != "call":
            return
        self._calls += 1
        code = frame.f_code
        if code.co_name == self._name and self.is_target(code):
            self.hit()
            sys.setprofile(None)
        elif self._calls > PROFILED_CALLS:
            sys.setprofile(None)

    def begin_test(self) -> None:
        self.reached, self.test_runs, self._calls = False, True, 0

    def resume(self) -> None:
        """Profile on, unless there is nothing more to learn in this test; below 3.12 it costs time."""
        known = self.reached or self.everywhere or self._calls > PROFILED_CALLS
        if not hasattr(sys, "monitoring") and not known and sys.getprofile() is None:
            sys.setprofile(self._called)

    def went_through(self, error: BaseException | None) -> bool:
        """Whether the target is in the traceback of this error or of one that caused it."""
        for link in chain(error):
            if (
                isinstance(link, SyntaxError)
                and link.filename
                and self.in_span(link.filename, link.lineno or 0)
            ):
                return True
            trace = link.__traceback__
            while trace is not None:
                if self.in_span(trace.tb_frame.f_code.co_filename, trace.tb_lineno):
                    return True
                trace = trace.tb_next
        return False


def _text_on_disk(path: str) -> str:
    try:
        return importlib.util.decode_source(pathlib.Path(path).read_bytes())
    except (OSError, SyntaxError, UnicodeDecodeError):
        return ""


def chain(error: BaseException | None) -> list[BaseException]:
    links: list[BaseException] = []
    while error is not None and error not in links:
        links.append(error)
        error = error.__cause__ or error.__context__
    return links


# ------------------------------------------------------------------ the limit of a test
class TestTimeout(BaseException):
    """Raised in the test's call; no `except Exception` of a draft swallows it."""

    __test__ = False


class FixtureTimeout(Exception):
    """Raised in setup and teardown, where pytest keeps its books only for an Exception."""


class Stopped(Exception):
    """Stands for a KeyboardInterrupt or `pytest.exit` of the code under test, which would end the run."""


class Limit:
    """Interrupts a phase of a test in the main thread; leaves an earlier alarm of another plugin alone."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._inside = False
        self._earlier: Any = None
        self._left = 0.0
        self._began = 0.0
        self._error: type[BaseException] = TestTimeout
        self.expired = False

    def enter(self, error: type[BaseException]) -> None:
        self._error, self._began = error, time.monotonic()
        self._earlier, self._left = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)[0]
        if 0 < self._left <= self._seconds:
            return
        self._inside = True
        signal.signal(signal.SIGALRM, self._expire)
        # It repeats, since a bare `except:` in a loop can swallow one.
        signal.setitimer(signal.ITIMER_REAL, self._seconds, 0.25)

    def leave(self) -> None:
        ours = self._inside
        self._inside = False
        if not ours or signal.getsignal(signal.SIGALRM) != self._expire:
            return
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, self._earlier or signal.SIG_DFL)
        if self._left:
            rest = self._left - (time.monotonic() - self._began)
            signal.setitimer(signal.ITIMER_REAL, max(rest, 0.001))

    def _expire(self, number: int, frame: Any) -> None:
        if self._inside:
            self.expired = True
            raise self._error(f"timed out after {self._seconds:g} s")


# ------------------------------------------------------------------ outcomes
_RANK = {"": 0, "skipped": 1, "passed": 2, "error": 3, "failed": 4, "timeout": 5}
_PYTEST_TIMEOUT = re.compile(r"(Failed: )?Timeout \(?>? ?[\d.]+ ?s")


def headline(error: BaseException) -> str:
    """`AssertionError: assert 3 == 4`: the kind of the exception and the first line of its text."""
    if isinstance(error, doctest.DocTestFailure):
        example = error.example
        return f"{example.source.strip()}: expected {example.want.strip()}, got {error.got.strip()}".replace(
            "\n", " "
        )
    if isinstance(error, doctest.UnexpectedException):
        return headline(error.exc_info[1])
    if isinstance(error, Stopped):
        return str(error)
    several = getattr(error, "failures", None)
    if several and type(error).__name__ == "MultipleDoctestFailures":
        return headline(several[0])
    try:
        lines = [line for line in str(error).splitlines() if line.strip()]
    except Exception as broken:
        lines = [f"<its text raised {type(broken).__name__}>"]
    name = type(error).__name__
    return f"{name}: {lines[0].strip()}"[:400] if lines else name


@dataclass
class Record:
    """One test's outcome, merged from its phases and subtests: the worst counts."""

    outcome: str = ""
    seconds: float = 0.0
    message: str = ""
    details: str = ""

    def add(self, report: Any) -> None:
        if report.outcome == "rerun":
            self.outcome = self.message = self.details = ""
            return
        self.seconds += getattr(report, "duration", 0.0)
        outcome = _outcome(report)
        if _RANK[outcome] > _RANK[self.outcome]:
            self.outcome, self.message, self.details = outcome, _message(report), _details(report)


def _outcome(report: Any) -> str:
    if report.failed:
        if getattr(report, "flowmill_expired", False) or _PYTEST_TIMEOUT.match(_message(report)):
            return "timeout"
        return "failed" if report.when == "call" else "error"
    if report.skipped:
        return "skipped"
    return "passed" if report.when == "call" else ""


def _message(report: Any) -> str:
    if report.passed:
        return ""
    if hasattr(report, "wasxfail"):
        return f"xfail: {report.wasxfail}".rstrip(": ")
    place: Any = report.longrepr
    if isinstance(place, tuple):
        return str(cast(Any, place)[2]).partition("\n")[0]
    told = getattr(report, "flowmill_headline", "")
    return told or str(report.longrepr or "").strip().partition("\n")[0][:400]


def _details(report: Any) -> str:
    return "" if not report.failed else str(report.longreprtext)[-DETAIL_CHARS:]


def cut_captured(manager: Any) -> None:
    """Keep only the head of a flood of output, before pytest reads all of it into memory."""
    capturing = getattr(manager, "_global_capturing", None)
    for stream in (getattr(capturing, "out", None), getattr(capturing, "err", None)):
        file = getattr(stream, "tmpfile", None)
        try:
            if file is not None and os.fstat(file.fileno()).st_size > KEPT_OUTPUT:
                file.seek(KEPT_OUTPUT)
                file.truncate()
        except (OSError, ValueError):
            continue  # captured in memory, not in a file


def replace_error(outcome: Any, error: BaseException) -> None:
    if hasattr(outcome, "force_exception"):
        outcome.force_exception(error)
    else:
        outcome._excinfo = (type(error), error, error.__traceback__)


# ------------------------------------------------------------------ selection
def below(node_id: str, entry: str) -> bool:
    """Whether this node id is the entry or lies below it: in that folder, file, class or parametrised test."""
    return node_id == entry or node_id.startswith((f"{entry}::", f"{entry}[", f"{entry.rstrip('/')}/"))


def plain_id(node_id: str) -> str:
    """The node id with its path relative to the working directory; what follows the path is left alone."""
    path, separator, rest = node_id.partition("::")
    return os.path.relpath(path).replace(os.sep, "/") + separator + rest


def qualname_of(item: Any) -> str:
    """The qualified name that a doctest item belongs to."""
    module = item.dtest.globs.get("__name__") or ""
    return item.name[len(module) + 1 :] if item.name.startswith(f"{module}.") else ""


def import_as_named(file: str) -> types.ModuleType | None:
    """The module of this file under the name that the project's own imports give it, None if there is none."""
    real = os.path.realpath(file)
    for name, module in list(sys.modules.items()):
        origin = str(getattr(module, "__file__", None) or "")
        alike = name != "__main__" and os.path.basename(origin) == os.path.basename(file)
        if alike and os.path.realpath(origin) == real:
            return module
    top = os.path.dirname(real)
    while os.path.exists(os.path.join(top, "__init__.py")):
        top = os.path.dirname(top)
    roots = {os.path.realpath(entry or os.getcwd()) for entry in sys.path}
    for root in sorted(roots, key=len, reverse=True):
        parts = os.path.splitext(os.path.relpath(real, root))[0].split(os.sep)
        if os.path.join(top, "").startswith(os.path.join(root, "")) and all(
            part.isidentifier() for part in parts
        ):
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            return importlib.import_module(name)
    return None


def _named(original: Callable[..., Any]) -> Callable[..., Any]:
    def named(file: Any, *rest: Any, **options: Any) -> Any:
        return import_as_named(str(file)) or original(file, *rest, **options)

    return named


class Collector:
    """Chooses the tests that run and adds the function's doctests and the made tests."""

    def __init__(self, order: Order, session: pytest.Session) -> None:
        self._order = order
        self._session = session
        self._home = os.path.relpath(str(session.config.rootpath), os.getcwd())
        self._keep = [(entry, plain_id(entry)) for entry in order.keep]
        self._used: set[str] = set()
        self.ids: dict[str, str] = {}
        self.trust: dict[str, str] = {}
        self.failures: list[tuple[str, Any]] = []

    def choose(self, items: list[pytest.Item]) -> list[pytest.Item]:
        doctests = self._doctests(items, self._order.doctest) if self._order.doctest else []
        chosen = [item for item in items if self._kept(item) and item not in doctests]
        chosen += doctests + self._made()
        if self._order.only is not None:
            left = set(self._order.only)
            chosen = [item for item in chosen if self.id_of(item) in left]
        return chosen

    def id_of(self, item: pytest.Item) -> str:
        return self.ids.get(item.nodeid, item.nodeid)

    def missing(self) -> list[str]:
        return [entry for entry in self._order.keep if entry not in self._used]

    def _kept(self, item: pytest.Item) -> bool:
        if not self._order.keep:
            return True
        # Node ids count from pytest's root, the user's from where the tests are run.
        names = {item.nodeid, plain_id(os.path.join(self._home, item.nodeid))}
        hits = [entry for entry, plain in self._keep if any(below(name, plain) for name in names)]
        self._used.update(hits)
        return bool(hits)

    def _made(self) -> list[pytest.Item]:
        if self._order.made is None:
            return []
        path = pathlib.Path(self._order.scratch, "made", "test_flowmill_made.py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._order.made, encoding="utf-8")
        pytest.register_assert_rewrite(path.stem)
        module: Any = cast(Any, pytest.Module).from_parent(self._session, path=path)
        items = self._collect(module)
        for item in items:
            self.ids[item.nodeid] = MADE + item.nodeid[len(module.nodeid) :]
            self.trust[item.nodeid] = "model"
        return items

    def _doctests(self, items: list[pytest.Item], goal: Goal) -> list[pytest.Item]:
        configured = bool(self._session.config.getoption("doctestmodules", False))
        real = os.path.realpath(goal.file)
        kind: Any = importlib.import_module("_pytest.doctest")
        found = [i for i in items if isinstance(i, kind.DoctestItem) and os.path.realpath(i.path) == real]
        if not found:
            found = self._collect_doctests(kind, pathlib.Path(goal.file))
        found = [item for item in found if qualname_of(item) == goal.qualname]
        self.trust.update({item.nodeid: "project" if configured else "doctest" for item in found})
        return found

    def _collect_doctests(self, kind: Any, path: pathlib.Path) -> list[pytest.Item]:
        # pytest would import the file under a name that it guesses from the path.
        places = [kind, importlib.import_module("_pytest.python")]
        names = [(place, name) for place in places for name in ("importtestmodule", "import_path")]
        originals = [(place, name, getattr(place, name)) for place, name in names if hasattr(place, name)]
        try:
            for place, name, original in originals:
                setattr(place, name, _named(original))
            return self._collect(kind.DoctestModule.from_parent(self._folder(path), path=path))
        finally:
            for place, name, original in originals:
                setattr(place, name, original)

    def _folder(self, path: pathlib.Path) -> Any:
        """The collector of the file's folder, so that its conftests apply (a node of its own since pytest 8)."""
        root = self._session.config.rootpath
        node: Any = self._session
        if not hasattr(pytest, "Directory") or root not in path.parents:
            self._session.gethookproxy(path)
            return node
        runner: Any = importlib.import_module("_pytest.runner")
        for folder in [
            parent for parent in reversed(path.parents) if parent == root or root in parent.parents
        ]:
            known = [
                n
                for item in self._session.items
                for n in item.listchain()
                if getattr(n, "path", None) == folder
            ]
            known = [n for n in known if isinstance(n, cast(Any, pytest).Directory)]
            hooks: Any = self._session.gethookproxy(folder)
            child = known[0] if known else hooks.pytest_collect_directory(path=folder, parent=node)
            if child is not None and not known:
                runner.collect_one_node(child)
            node = node if child is None else child
        return node

    def _collect(self, collector: Any) -> list[pytest.Item]:
        """The collector's items; its failure is kept apart, since pytest would end the whole run for it."""
        runner: Any = importlib.import_module("_pytest.runner")
        report = runner.collect_one_node(collector)
        if report.failed:
            self.failures.append((collector.nodeid, report))
            return []
        return [item for child in report.result for item in self._session.genitems(child)]


# ------------------------------------------------------------------ the plugin
@dataclass(eq=False)
class Reporter:
    """The pytest plugin that selects, limits, watches and reports."""

    order: Order
    channel: Channel
    watch: Watch | None
    traced: bool
    limit: Limit
    records: dict[str, Record] = field(default_factory=dict)
    errors: dict[str, BaseException] = field(default_factory=dict)
    collector: Collector | None = None
    capture: Any = None

    def pytest_configure(self, config: pytest.Config) -> None:
        self.capture = config.pluginmanager.getplugin("capturemanager")

    # ---------------------------------------------------------- collection
    @pytest.hookimpl(hookwrapper=True)
    def pytest_load_initial_conftests(self) -> Hook:
        outcome: Any = yield
        error = None if outcome.excinfo is None else outcome.excinfo[1]
        if error is not None and not isinstance(error, pytest.UsageError):
            path = getattr(error, "path", None)
            self._tell_broken("" if path is None else os.path.relpath(str(path)), error.__cause__ or error)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        self.collector = Collector(self.order, session)
        chosen = self.collector.choose(items)
        kept = set(map(id, chosen))
        gone = [item for item in items if id(item) not in kept]
        if gone:
            session.config.hook.pytest_deselected(items=gone)
        items[:] = chosen
        for node_id, report in self.collector.failures:
            if "test_flowmill_made.py" not in node_id:
                self._collect_failed(report)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if self.collector is None:
            return
        for item in session.items:
            trust = self.collector.trust.get(item.nodeid, "project")
            self.channel.send("item", id=self.collector.id_of(item), trust=trust)
        self.channel.send("collected", missing=self.collector.missing(), traced=self.traced)

    def pytest_exception_interact(self, node: Any, call: Any, report: Any) -> None:
        if isinstance(report, pytest.CollectReport):
            self.errors[report.nodeid] = call.excinfo.value

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._collect_failed(report)

    def _collect_failed(self, report: Any) -> None:
        error = self.errors.get(report.nodeid)
        self._tell_broken(report.nodeid, error, str(report.longrepr))

    def pytest_internalerror(self, excrepr: object, excinfo: Any) -> None:
        self._tell_broken("", excinfo.value, str(excrepr))

    def pytest_keyboard_interrupt(self, excinfo: Any) -> None:
        self._tell_broken("", excinfo.value)

    def _tell_broken(self, path: str, error: BaseException | None, details: str = "") -> None:
        through = self.watch is not None and self.watch.went_through(error)
        if isinstance(error, pytest.Collector.CollectError) and error.__cause__ is not None:
            # pytest wraps an import error in an error of its own.
            error = error.__cause__
        message = details.strip().rpartition("\n")[2] if error is None else headline(error)
        self.channel.send(
            "broken", path=path, message=message, details=details[-DETAIL_CHARS:], through=through
        )

    # ---------------------------------------------------------- one test
    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Hook:
        self.limit.expired = False
        self.records[item.nodeid] = Record()
        self.channel.send("start", id=self._id(item.nodeid))
        if self.watch is not None:
            self.watch.begin_test()
        yield
        if self.watch is not None:
            self.watch.test_runs = False

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_setup(self) -> Hook:
        self._enter(FixtureTimeout)
        outcome = yield
        self._leave(outcome)

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_call(self) -> Hook:
        self._enter(TestTimeout)
        outcome = yield
        self._leave(outcome)

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_teardown(self) -> Hook:
        self._enter(FixtureTimeout)
        outcome = yield
        self._leave(outcome)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Hook:
        earlier = self.watch is not None and self.watch.shared
        if self.watch is not None:
            self.watch.shared = earlier or fixturedef.scope != "function"
        yield
        if self.watch is not None:
            self.watch.shared = earlier

    def _enter(self, error: type[BaseException]) -> None:
        self.channel.send("phase")
        if self.watch is not None and self.traced:
            self.watch.resume()
        self.limit.enter(error)

    def _leave(self, outcome: Any) -> None:
        self.limit.leave()
        if not self.channel.mine():
            # A forked copy came back from the test: it must not run the others, nor report.
            os._exit(0)
        cut_captured(self.capture)
        if outcome.excinfo is not None and issubclass(
            outcome.excinfo[0], (KeyboardInterrupt, pytest.exit.Exception)
        ):
            # The user's cancel never comes this way, so it is the code under test that raised it.
            error = Stopped(headline(outcome.excinfo[1]))
            error.__cause__ = outcome.excinfo[1]
            replace_error(outcome, error)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: Any) -> Hook:
        outcome: Any = yield
        report = outcome.get_result()
        if call.excinfo is not None:
            report.flowmill_headline = headline(call.excinfo.value)
            if isinstance(call.excinfo.value, (TestTimeout, FixtureTimeout)):
                report.flowmill_expired, report.flowmill_headline = True, str(call.excinfo.value)
        # Captured output is not part of the report; kept on, it would pile up in memory.
        report.sections = []
        item._report_sections.clear()

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self, report: Any) -> Hook:
        yield
        self.records.setdefault(report.nodeid, Record()).add(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        record = self.records.pop(nodeid, Record())
        if self.limit.expired and record.outcome != "timeout":
            # It swallowed the interruption, or wrapped it in an error of its own.
            record.outcome, record.message = "timeout", f"timed out after {self.order.test_seconds:g} s"
        self.channel.send(
            "test",
            id=self._id(nodeid),
            outcome=record.outcome or "error",
            seconds=record.seconds,
            message=record.message,
            details=record.details,
            reached=self.watch is not None and self.watch.reached,
            everywhere=self.watch is not None and self.watch.everywhere,
        )

    def _id(self, node_id: str) -> str:
        return node_id if self.collector is None else self.collector.ids.get(node_id, node_id)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, exitstatus: int) -> Hook:
        yield
        if not self.channel.mine():
            os._exit(0)
        # What is wrong with its usage is told by pytest itself, later.
        if exitstatus != pytest.ExitCode.USAGE_ERROR:
            self.finish(int(exitstatus))

    def finish(self, status: int) -> None:
        """Say that it is over and leave at once: unwinding pytest takes longer than many a run."""
        sys.stdout.flush()
        sys.stderr.flush()
        self.channel.send("finish", status=status)
        os._exit(0)


# ------------------------------------------------------------------ the process
def die_with(parent: int) -> None:
    """Leave no orphan behind: by the kernel's signal on Linux, elsewhere by looking for the parent."""
    try:
        # Not every interpreter was built with ctypes.
        library: Any = importlib.import_module("ctypes").CDLL(None)
        library.prctl(1, signal.SIGKILL)
    except (ImportError, OSError, AttributeError):
        threading.Thread(target=_look_for, args=(parent,), daemon=True).start()
    if os.getppid() != parent:
        os._exit(1)


def _look_for(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def bound_files() -> None:
    """No core dump into the project, and no endless output into a temporary file."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    soft = FILE_BYTES if hard == resource.RLIM_INFINITY else min(FILE_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def arguments(order: Order) -> list[str]:
    return [
        "--tb=short",
        "--color=no",
        "-p",
        "no:randomly",
        "-o",
        f"cache_dir={os.path.join(order.scratch, 'cache')}",
        f"--basetemp={os.path.join(order.scratch, 'basetemp')}",
        *order.files,
    ]


def main() -> None:
    channel = Channel(int(os.environ.pop("FLOWMILL_RESULTS")))
    if sys.version_info < (3, 9):  # noqa: UP036 - the user's interpreter, not ours
        told = f"is Python {sys.version_info[0]}.{sys.version_info[1]}; its tests need 3.9 or later to be run"
        channel.send("hello", problem="no_python", detail=told)
        return
    order = read_order(sys.stdin.buffer.read().decode())
    die_with(order.parent)
    bound_files()
    # A model that runs beside the tests loses far more than the tests do: 4 tokens a second instead of 25.
    os.nice(NICENESS)
    with open(os.devnull, "rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    overlay = Overlay({path: base64.b64decode(data) for path, data in order.overlay.items()})
    serve_imports(overlay)
    serve_lines(overlay)
    serve_rewriter(overlay)
    place_bytecode(os.getcwd(), order.pycache, order.write_bytecode)
    strip_configured_options()
    watch = None if order.goal is None else Watch(order.goal, overlay)
    channel.send("hello", problem="", detail=sys.version.split()[0])
    if watch is not None:
        watch.tell = lambda: channel.send("reached")
    traced = watch is not None and order.trace and watch.start()
    sys.argv = [os.path.join(os.path.dirname(pytest.__file__), "__main__.py"), *arguments(order)]
    reporter = Reporter(order, channel, watch, traced, Limit(order.test_seconds))
    status = pytest.main(arguments(order), plugins=[reporter])
    reporter.finish(int(status))


if __name__ == "__main__":
    main()
