"""The pytest plugin."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import pytest

from .census import Census
from .collect import Collector
from .confine import ConfineError, Confiner, Policy
from .descendants import serve_descendants
from .limit import FixtureTimeout, Limit, Stopped, TestTimeout
from .needs import observe
from .order import Channel, Order
from .outcomes import DETAIL_CHARS, Record, cut_captured, headline, replace_error
from .overlay import Overlay
from .proof import Proof
from .prune import Pruner
from .tracer import Tracer, free_of_cost
from .watch import Watch

Hook = Generator[None, Any, None]


@dataclass(eq=False)
class Reporter:
    """The pytest plugin that selects, limits, watches and reports."""

    order: Order
    channel: Channel
    overlay: Overlay = field(default_factory=lambda: Overlay({}))
    watch: Watch | None = None
    traced: bool = False
    tracer: Tracer = field(default_factory=Tracer)
    census: Census | None = None
    limit: Limit = field(default_factory=lambda: Limit(0.0))
    records: dict[str, Record] = field(default_factory=dict)
    errors: dict[str, BaseException] = field(default_factory=dict)
    collector: Collector | None = None
    capture: Any = None
    confiner: Confiner = field(default_factory=Confiner)
    proof: Proof | None = None
    pruner: Pruner | None = None
    names: dict[int, frozenset[str]] = field(default_factory=dict)
    """What each collected item is called, kept for runs that choose among the same items."""
    kept: list[int] = field(default_factory=list)
    """Descriptors, besides the report's, that a confined process goes on using."""
    now: str = ""
    """The test that is running."""
    fine: bool = True
    """Whether no test has failed."""

    def begin(self, order: Order, channel: Channel, overlay: Overlay, parent: int) -> None:
        """Take an order: confine the process or observe it, and watch for the function under work."""
        self.order, self.channel, self.overlay = order, channel, overlay
        self.proof, self.pruner = self.proof or Proof(), Pruner(order)
        os.environ["TMPDIR"], tempfile.tempdir = os.path.join(order.scratch, "tmp"), None
        channel.send("hello", problem="", detail=sys.version.split()[0])
        if order.policy is not None and not order.zygote:
            self.confine(Policy.read(order.policy), parent)
        if not order.zygote:
            # What a sandbox refuses is worth telling in either case.
            observe(
                lambda kind, what: channel.send("need", id=self.now, kind=kind, detail=what), order.scratch
            )
        if order.policy is None or order.policy.get("processes"):
            serve_descendants(overlay, order.scratch)
        self.limit = Limit(order.test_seconds)
        # What ran while the code was loaded is known to the watch that was there then.
        if self.watch is None or order.goal is None or self.watch.qualname != order.goal.qualname:
            self.watch = None if order.goal is None else Watch(order.goal, overlay)
        if self.watch is not None:
            self.watch.tell = lambda: channel.send("reached")
        self.traced = self._trace(overlay)

    def confine(self, policy: Policy, parent: int) -> None:
        """Shut the process in, or end it if a layer that must be there cannot be had."""
        keep = [self.channel.descriptor, *self.kept]
        try:
            layers = self.confiner.confine(policy, parent=parent, keep=keep)
        except ConfineError as error:
            print(f"the sandbox cannot be closed: {error}", file=sys.stderr, flush=True)
            os._exit(70)
        self.channel.send("confined", layers=layers)

    def _trace(self, overlay: Overlay) -> bool:
        """Begin to see what tests execute, as far as the order asks; True if that holds the function under work."""
        order, channel = self.order, self.channel
        self.census = None
        # Beside the baseline, which somebody waits for, only if it costs nothing.
        if order.census and (free_of_cost() or not order.trace):
            self.census = Census(
                os.getcwd(), lambda i, ran: channel.send("functions", id=i, ran=ran), overlay
            )
        watch = self.watch if order.trace and self.watch is not None and self.watch.spans else None
        return self.tracer.start(*filter(None, (watch, self.census))) and watch is not None

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

    @pytest.hookimpl
    def pytest_collection(self, session: pytest.Session) -> bool | None:
        """Where the order names no file, collect what it adds: pytest would take all that there are."""
        if self.order.files != []:
            return None
        hook = session.config.hook
        session.items = []
        hook.pytest_collection_modifyitems(session=session, config=session.config, items=session.items)
        hook.pytest_collection_finish(session=session)
        session.testscollected = len(session.items)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makeitem(self, collector: Any, name: str) -> list[pytest.Item] | None:
        if self.pruner is None or self.pruner.wants(collector, name):
            return None
        return []

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        self.choose(session, items)

    def choose(self, session: pytest.Session, items: list[pytest.Item]) -> None:
        """Leave among these tests the ones that the order is about, and add doctests and made tests."""
        self.pruner = None
        self.collector = Collector(self.order, session, self.names)
        chosen = self.collector.choose(items)
        kept = set(map(id, chosen))
        gone = [item for item in items if id(item) not in kept]
        if gone:
            session.config.hook.pytest_deselected(items=gone)
        items[:] = chosen
        if self.proof is not None:
            self.proof.focus(chosen)
        for node_id, report in self.collector.failures:
            if "test_flowmill_made.py" not in node_id:
                self._collect_failed(report)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        # What a zygote has collected nobody asks for; a pipe that nobody empties would block it.
        if self.collector is None or self.order.zygote:
            return
        for item in session.items:
            trust = self.collector.trust.get(item.nodeid, "project")
            self.channel.hold("item", id=self.collector.id_of(item), trust=trust)
        if self.proof is not None:
            self.proof.prepare(session, self.order.scratch)
            self.proof.watch(session, self.overlay.files)
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
        self.now = self._id(item.nodeid)
        self.channel.hold("start", id=self.now)
        self.tracer.begin_test()
        yield
        self.tracer.end_test()

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_setup(self) -> Hook:
        # With what was held: a test that takes its process along must be known to have begun.
        self.channel.send("phase")
        self._enter(FixtureTimeout)
        outcome = yield
        self._leave(outcome)

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_call(self) -> Hook:
        self.channel.hold_briefly("phase")
        self._enter(TestTimeout)
        outcome = yield
        self._leave(outcome)

    @pytest.hookimpl(hookwrapper=True, trylast=True)
    def pytest_runtest_teardown(self) -> Hook:
        self.channel.hold_briefly("phase")
        self._enter(FixtureTimeout)
        outcome = yield
        self._leave(outcome)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Hook:
        earlier = self.tracer.shared
        self.tracer.share(earlier or fixturedef.scope != "function")
        yield
        self.tracer.share(earlier)

    def _enter(self, error: type[BaseException]) -> None:
        self.tracer.resume()
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
        if record.again:
            # pytest-rerunfailures ends every try like this, and the last one counts.
            return
        if self.limit.expired and record.outcome != "timeout":
            # It swallowed the interruption, or wrapped it in an error of its own.
            record.outcome, record.message = "timeout", f"timed out after {self.order.test_seconds:g} s"
        self.now = ""
        self.fine = self.fine and record.outcome in ("passed", "skipped")
        if self.census is not None:
            self.census.end_test(self._id(nodeid))
        self.channel.hold(
            "test",
            id=self._id(nodeid),
            outcome=record.outcome or "error",
            seconds=record.seconds,
            message=record.message,
            details=record.details,
            reached=self.watch is not None and self.watch.reached,
            everywhere=self.watch is not None and self.watch.everywhere,
            call="" if self.watch is None else self.watch.call,
        )

    def _id(self, node_id: str) -> str:
        return node_id if self.collector is None else self.collector.ids.get(node_id, node_id)

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, exitstatus: int) -> Hook:
        # The last fixtures are torn down by now; what other plugins still do here changes no outcome.
        if not self.channel.mine():
            os._exit(0)
        # What is wrong with its usage is told by pytest itself, later.
        if exitstatus != pytest.ExitCode.USAGE_ERROR:
            self.finish(int(exitstatus))
        yield

    def finish(self, status: int) -> None:
        """Say that it is over and leave at once: unwinding pytest takes longer than many a run."""
        sys.stdout.flush()
        sys.stderr.flush()
        if self.proof is not None and self.collector is not None:
            self.proof.tell(self.channel, fine=self.fine)
        self.channel.send("finish", status=status)
        self.channel.close()
        os._exit(0)
