"""The ways to search for a draft. They share everything but the order in which they ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flowmill.engine.desk import Desk
from flowmill.protocols import CandidateSource
from flowmill.shapes import StrategyName
from flowmill.strategies.alphacodium import AlphaCodium
from flowmill.strategies.direct import Direct
from flowmill.strategies.flow import Flow
from flowmill.strategies.sample import Sample


@dataclass(frozen=True, slots=True)
class Strategy:
    """A way to search. `mutates` says whether mutations are tried beside it: the yardsticks stay pure."""

    source: Callable[[Desk], CandidateSource]
    mutates: bool = False


STRATEGIES: Mapping[StrategyName, Strategy] = {
    "flow": Strategy(Flow, mutates=True),
    "direct": Strategy(Direct),
    "sample": Strategy(Sample),
    "alphacodium": Strategy(AlphaCodium),
}
