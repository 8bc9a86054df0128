"""A process that waits with its tests loaded, and becomes a run of them without loading them again.

It waits at one of two places. "bare": pytest and its plugins are there, nothing of the
project is. "collected": the tests are collected, with the code as the user has it. An
order makes it fork; the child goes on from where it waited. A single-use one goes on
itself, for systems where a fork is not safe. A child may be made ahead of its draft: it
then does all that needs none, and waits for it.
"""

from __future__ import annotations

import faulthandler
import gc
import importlib
import json
import os
import select
import socket
import sys
import threading
import traceback
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import pytest

from .captured import renew
from .confine import Policy
from .draft import Awaited
from .family import Family, watched
from .order import Channel, Order, read_order
from .overlay import Overlay
from .reporter import Reporter
from .resume import Haste, hush, rehouse
from .swap import Index, apply, show

MESSAGE_BYTES = 65536
DESCRIPTORS = 5
"""The most that come with a message: the order, the report, the output, and two for a draft to come."""


class Zygote:
    """The pytest plugin that waits; registered beside the reporter, which every order begins anew."""

    def __init__(self, control: int, order: Order, reporter: Reporter, overlay: Overlay) -> None:
        self._control = socket.socket(fileno=control)
        self._order = order
        self._reporter = reporter
        self._overlay = overlay
        self._index: Index | None = None
        self._children: dict[int, Family] = {}
        self._base = ""
        self._awaited: Awaited | None = None
        self._haste: Haste | None = None

    # ---------------------------------------------------------- the two places
    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_load_initial_conftests(self) -> Generator[None, Any, None]:
        # As a wrapper it waits before capturing begins, so that every child captures for itself.
        if self._order.zygote == "bare":
            self._preload()
            if self._order.policy is not None:
                # It is for the runs to come; this process only has ready what they take long to make.
                self._reporter.confiner.prepare(Policy.read(self._order.policy))
            self._serve(_loaded())
            self._take_draft()
            self._haste = Haste()
        yield

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        config.option.basetemp = os.path.join(self._order.scratch, "basetemp")

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Generator[None, Any, None]:
        # As a wrapper it comes before a loop that the project brings along. Where something is
        # wrong, that is told best by a run of its own; this process ends as pytest ends it.
        if self._haste is not None:
            self._haste.end()
        if self._order.zygote == "collected":
            if session.items and not session.testsfailed:
                self._wait_collected(session)
            else:
                session.config.option.continue_on_collection_errors = False
        yield

    def _wait_collected(self, session: pytest.Session) -> None:
        ran, known = self._settle(session), list(session.items)
        self._serve({"ran": ran, "threads": threading.active_count() - 1, **_loaded()})
        if self._order.zygote:
            return
        rehouse(session.config, self._order.scratch)
        session.items = known
        # Doctests and made tests are collected from the code as the draft has it.
        early = self._order.doctest is None and self._order.made is None
        if early:
            self._reporter.choose(session, session.items)
        if self._awaited is not None and self._reporter.proof is not None:
            self._reporter.proof.rehearse(self._reporter.channel)
        self._take_draft()
        self._swap()
        if not early:
            self._reporter.choose(session, session.items)
        self._reporter.pytest_collection_finish(session)

    def _preload(self) -> None:
        """Import what the tests need besides the project: a run that loads the project anew has it then."""
        for name in self._order.preload:
            try:
                importlib.import_module(name)
            except BaseException:
                # Not even an exit at import may end this process; whoever needs it will see its error.
                continue

    def _settle(self, session: pytest.Session) -> bool:
        """Stop tracing, find what a swap will have to touch, and keep the memory as it is; True if the target ran."""
        watch = self._reporter.watch
        hush(session.config)
        self._reporter.tracer.stop()
        if self._reporter.proof is not None:
            self._reporter.proof.prepare(session, self._order.scratch)
            self._reporter.proof.watch(session, [watch.file] if watch is not None else [])
        if watch is None:
            return True
        if self._order.single and self._order.policy is not None:
            self._reporter.confiner.prepare(Policy.read(self._order.policy))
        self._base = self._overlay.source(watch.file) or ""
        self._index = Index.build(watch.file, watch.qualname, watch.spans or [watch.given])
        gc.collect()
        # A collection in a child would write to every page that it shares with this process.
        gc.freeze()
        return watch.everywhere

    def _take_draft(self) -> None:
        if self._awaited is None:
            return
        draft = self._awaited.take()
        self._overlay.replace({**self._order.files_of_overlay(), draft.file: draft.text})
        self._order = self._reporter.order = replace(self._order, swap=draft.swap)

    def _swap(self) -> None:
        swap = self._order.swap
        if swap is None:
            return
        why = apply(swap, self._index) if self._index else "the function was not found in the loaded code"
        if why or self._index is None:
            self._reporter.channel.send("unfit", why=why)
            os._exit(0)
        show(swap, self._index, self._base)

    # ---------------------------------------------------------- orders
    def _serve(self, ready: dict[str, object]) -> None:
        """Wait for orders until one makes this process, or a child of it, go on."""
        self._tell("ready", **ready)
        while True:
            for _ in watched(self._control, self._children):
                self._reap()
            messages, descriptors = self._receive()
            for message in messages:
                if message["do"] == "end":
                    self._end(message["run"])
                elif self._begin(message["run"], descriptors):
                    return

    def _receive(self) -> tuple[list[Any], list[int]]:
        if not select.select([self._control], [], [], 0)[0]:
            return [], []
        data, descriptors, _, _ = socket.recv_fds(self._control, MESSAGE_BYTES, DESCRIPTORS)
        if not data:
            # The parent has gone or does not want this process any more.
            for family in self._children.values():
                family.end()
            os._exit(0)
        # The kernel glues messages together, but never two that carry descriptors.
        return [json.loads(line) for line in data.splitlines()], descriptors

    def _begin(self, run: int, descriptors: list[int]) -> bool:
        """True in the process that goes on."""
        order = _read(descriptors[0])
        sys.stdout.flush()
        sys.stderr.flush()
        if not self._order.single:
            family = Family.fork(warden=order.warden)
            if family is not None:
                self._children[run] = family
                for descriptor in descriptors:
                    os.close(descriptor)
                self._tell("began", run=run, pid=family.pid)
                return False
        else:
            self._tell("began", run=run, pid=os.getpid())
        try:
            self._become(order, descriptors[1:])
        except BaseException:
            # A copy must never go back to waiting; the last line of this is what the run ends with.
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(70)
        return True

    def _become(self, order: Order, descriptors: list[int]) -> None:
        report, output, *rest = descriptors
        # What is frozen is hidden from gc.get_referrers, which old versions of hypothesis rely on.
        gc.unfreeze()
        self._control.close()
        for family in self._children.values():
            family.close()
        self._children.clear()
        self._reporter.kept = renew(self._reporter.capture, output, os.path.join(order.scratch, "tmp"))
        for descriptor in (1, 2):
            os.dup2(output, descriptor)
        os.close(output)
        if faulthandler.is_enabled():
            faulthandler.enable(2)
        if order.awaits:
            self._awaited = Awaited(*rest)
            self._reporter.kept += rest
        elif rest:
            self._control = socket.socket(fileno=rest[0])
        self._order = order
        self._overlay.replace(order.files_of_overlay())
        self._reporter.begin(order, Channel(report, order.nonce), self._overlay, os.getppid())

    def _end(self, run: int) -> None:
        family = self._children.get(run)
        if family is not None:
            family.end()

    def _reap(self) -> None:
        for run, family in list(self._children.items()):
            status = family.status()
            if status is not None:
                del self._children[run]
                self._tell("ended", run=run, status=status)

    def _tell(self, kind: str, **fields: object) -> None:
        try:
            self._control.sendall(json.dumps({"k": kind, **fields}).encode("ascii") + b"\n")
        except OSError:
            os._exit(0)


def _read(descriptor: int) -> Order:
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(0)
        return read_order(file.read().decode())


def _loaded() -> dict[str, object]:
    """Names and files of the modules that are loaded, in the order of their import."""
    found: list[tuple[str, str]] = []
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and name != "__main__" and not name.startswith(__name__.partition(".")[0]):
            found.append((name, file))
    return {"modules": found}
