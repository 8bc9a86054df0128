"""The pytest plugin."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

import pytest

from .collect import Collector
from .limit import FixtureTimeout, Limit, Stopped, TestTimeout
from .order import Channel, Order
from .outcomes import DETAIL_CHARS, Record, cut_captured, headline, replace_error
from .watch import Watch

Hook = Generator[None, Any, None]


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
