"""`flowmill` with one part of the flow left out: what `compare.py --strategies flow,flow-PART` runs.

    python tests/benchmarks/without.py mutations repair FILE::QUALNAME

Something empty takes the part's place in this one process: the product has no switches for it.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from flowmill.cli.main import main
from flowmill.engine import search, tasking
from flowmill.engine.desk import Desk
from flowmill.engine.undefined import NOWHERE
from flowmill.mutation import campaign
from flowmill.strategies import STRATEGIES, flow
from flowmill.strategies.flow import WRITE, Flow


@dataclass(frozen=True, slots=True)
class Part:
    """What is left out, in words, and what takes the place of what: (holder, name, instead).

    A name is replaced where it is looked up, not where it is defined.
    """

    what: str
    places: tuple[tuple[object, str, object], ...]


def leave_out(name: str) -> None:
    for holder, attribute, instead in PARTS[name].places:
        setattr(holder, attribute, instead)


def _always(value: object) -> Callable[..., object]:
    return lambda *_, **__: value


def _another_profile(**changes: object) -> Callable[[Any, Desk], None]:
    """In place of `Flow.__init__`: the flow sees the model's profile with these changes."""
    begin = Flow.__init__

    def init(self: Any, desk: Desk) -> None:
        begin(self, desk)
        profile: Any = desk.task.profile
        self._task = replace(desk.task, profile=replace(profile, **changes))

    return init


gather = importlib.import_module("flowmill.context.gather")  # its package has a function of that name
_UNMUTATED = {name: replace(strategy, mutates=False) for name, strategy in STRATEGIES.items()}
_ONE_WAY_IN = (WRITE[0], *[replace(WRITE[0], warm=True)] * 3)
"""The first answer is the likeliest, the others vary."""

PARTS = {
    "mutations": Part("small changes of the body and of drafts", ((search, "STRATEGIES", _UNMUTATED),)),
    "stacking": Part(
        "changes on top of changes that helped", ((campaign, "DEEPEST", 1), (campaign, "SECOND_BASES", 0))
    ),
    "ways-in": Part(
        "different beginnings of answers", ((flow, "WRITE", _ONE_WAY_IN), (flow, "REPAIR", _ONE_WAY_IN))
    ),
    "resuming": Part("going on from good drafts and their failures", ((Flow, "_begun", _always(None)),)),
    "width": Part("several answers at once", ((Flow, "__init__", _another_profile(width=1)),)),
    "prefill": Part(
        "beginning the model's answers for it", ((Flow, "__init__", _another_profile(prefills=False)),)
    ),
    "filling": Part(
        "answers that fill a hole in the file", ((Flow, "__init__", _another_profile(fills=None)),)
    ),
    "alike": Part("functions like the one to write", ((gather, "neighbours", _always(())),)),
    "callers": Part(
        "where it is called, and what it was given there",
        ((gather, "callers", _always(())), (tasking, "_calls", _always(()))),
    ),
    "definitions": Part(
        "what its annotations, body and docstring name", ((gather, "referred", _always(())),)
    ),
    "waiting": Part("names that nothing uses yet", ((gather, "waiting", _always(())),)),
    "lookup": Part("names that nobody defines, looked up", ((tasking, "lookup_of", _always(NOWHERE)),)),
    "feedback": Part("what the failing test says", ((flow, "failing_case", _always("")),)),
}


if __name__ == "__main__":
    leave_out(sys.argv.pop(1))
    sys.exit(main())
