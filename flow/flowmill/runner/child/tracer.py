"""One hook into the interpreter for all who want to know which code is entered."""

from __future__ import annotations

import sys
import threading
import types
from typing import Any, Protocol

CALLS = 1_000_000
"""Calls of one test that are looked at where that costs time; what it enters later is not told."""
ENOUGH = 50
"""Calls of one function in one scene after which it is left alone until the next scene."""
FINDER, COUNTER = 4, 3
"""The ids that no other tool has by convention."""


class Listener(Protocol):
    """Wants to know of some code that it is entered."""

    def here(self, filename: str) -> bool:
        """Whether code of this file can be of interest."""
        ...

    def wants(self, code: types.CodeType) -> bool:
        """Whether this code of such a file is; asked once."""
        ...

    def entered(self, frame: types.FrameType, *, own: bool, aside: bool) -> None:
        """It was entered, in this frame: by the running test itself if `own`, in a thread beside it if `aside`."""
        ...

    def begin_test(self) -> None: ...

    @property
    def content(self) -> bool:
        """Whether there is nothing more to learn in this test."""
        ...


def free_of_cost() -> bool:
    """Whether this interpreter can be watched without slowing down what is not of interest."""
    return hasattr(sys, "monitoring")


class Tracer:
    """Tells its listeners which code is entered, each code once in a scene.

    A scene is a stretch of time of which the same holds: whether a test runs, and whether
    what runs is shared between tests. Only the first calls of a function are seen in
    Python, so that a hot loop costs next to nothing.
    """

    def __init__(self) -> None:
        self.test_runs = self.shared = False
        self._listeners: tuple[Listener, ...] = ()
        self._monitoring: Any = getattr(sys, "monitoring", None)
        self._hook: Any = self._called
        self._on = False
        self._thread = 0
        self._calls = 0
        self._files: dict[str, bool] = {}
        # By identity: code of two files can be equal. Keeping the code keeps its id its own.
        self._wanted: dict[int, tuple[types.CodeType, list[Listener]]] = {}
        self._seen: dict[int, int] = {}
        self._silenced: list[types.CodeType] = []

    def start(self, *listeners: Listener) -> bool:
        """Begin to tell these; False if there are none, or if the interpreter is traced already."""
        self.stop()
        self._listeners = listeners
        self._thread = threading.get_ident()
        self._on = bool(listeners) and (self._start_free() if self._monitoring else self._start_costly())
        return self._on

    def stop(self) -> None:
        """End what `start` began."""
        if self._on and self._monitoring:
            for tool in (FINDER, COUNTER):
                self._monitoring.set_events(tool, 0)
                self._monitoring.free_tool_id(tool)
        elif self._on:
            threading.settrace(None)  # pyright: ignore[reportArgumentType] - None ends it
            sys.settrace(None)
        self._on = False
        for known in (self._files, self._wanted, self._seen, self._silenced):
            known.clear()

    # ---------------------------------------------------------- scenes
    @property
    def own(self) -> bool:
        return self.test_runs and not self.shared

    def begin_test(self) -> None:
        self.test_runs, self._calls = True, 0
        for listener in self._listeners:
            listener.begin_test()
        self._new_scene()

    def end_test(self) -> None:
        self.test_runs = False
        self._new_scene()

    def share(self, shared: bool) -> None:
        """What runs from here on is shared between tests, or no longer is."""
        if shared != self.shared:
            self.shared = shared
            self._new_scene()

    def _new_scene(self) -> None:
        self._seen.clear()
        while self._silenced:
            code = self._silenced.pop()
            self._monitoring.set_local_events(COUNTER, code, self._monitoring.events.PY_START)

    def _told(self, frame: types.FrameType, listeners: list[Listener]) -> None:
        aside = threading.get_ident() != self._thread
        for listener in listeners:
            listener.entered(frame, own=self.own, aside=aside)

    def _listeners_of(self, code: types.CodeType) -> list[Listener]:
        known = self._wanted.get(id(code))
        if known is None:
            takers = [each for each in self._listeners if each.here(code.co_filename) and each.wants(code)]
            known = self._wanted[id(code)] = (code, takers)
        return known[1]

    def _is_here(self, filename: str) -> bool:
        found = self._files.get(filename)
        if found is None:
            found = self._files[filename] = any(each.here(filename) for each in self._listeners)
        return found

    # ---------------------------------------------------------- from 3.12 on
    def _start_free(self) -> bool:
        monitoring, start = self._monitoring, self._monitoring.events.PY_START
        if any(monitoring.get_tool(tool) is not None for tool in (FINDER, COUNTER)):
            return False
        for tool, callback in ((FINDER, self._found), (COUNTER, self._counted)):
            monitoring.use_tool_id(tool, "flowmill")
            monitoring.register_callback(tool, start, callback)
        monitoring.set_events(FINDER, start)
        # What an earlier start has switched off would stay so.
        monitoring.restart_events()
        return True

    def _found(self, code: types.CodeType, offset: int) -> Any:
        """The first call of any code: only what is wanted is looked at again."""
        if self._is_here(code.co_filename):
            listeners = self._listeners_of(code)
            if listeners:
                self._monitoring.set_local_events(COUNTER, code, self._monitoring.events.PY_START)
                self._seen[id(code)] = 1
                self._told(sys._getframe(1), listeners)
        return self._monitoring.DISABLE

    def _counted(self, code: types.CodeType, offset: int) -> None:
        key = id(code)
        calls = self._seen[key] = self._seen.get(key, 0) + 1
        if calls == 1:
            self._told(sys._getframe(1), self._listeners_of(code))
        elif calls == ENOUGH:
            # To return DISABLE would be undone for all code at once only, which costs more.
            self._silenced.append(code)
            self._monitoring.set_local_events(COUNTER, code, 0)

    # ---------------------------------------------------------- below 3.12
    def _start_costly(self) -> bool:
        if sys.gettrace() is not None:
            return False
        threading.settrace(self._hook)
        sys.settrace(self._hook)
        return True

    def resume(self) -> None:
        """Trace on, unless there is nothing more to learn in this test; from 3.12 on it never ceases."""
        if self._on and not self._monitoring and sys.gettrace() is None and not self._enough():
            sys.settrace(self._hook)

    def _enough(self) -> bool:
        return self._calls > CALLS or all(each.content for each in self._listeners)

    def _called(self, frame: types.FrameType, event: str, arg: object) -> None:
        """A call in any code. Tracing calls costs half of what profiling does, which is told of C code too."""
        self._calls += 1
        code = frame.f_code
        here = self._files.get(code.co_filename)
        if here is False or id(code) in self._seen:
            if self._calls > CALLS:
                sys.settrace(None)
            return
        if here is None and not self._is_here(code.co_filename):
            return
        listeners = self._listeners_of(code)
        self._seen[id(code)] = 1
        if listeners:
            self._told(frame, listeners)
            if self._enough():
                sys.settrace(None)
