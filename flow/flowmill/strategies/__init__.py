"""The ways to search for a draft. They share everything but the order in which they ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flowmill.engine.desk import Desk
from flowmill.protocols import CandidateSource
from flowmill.shapes import StrategyName
from flowmill.strategies.alphacodium import AlphaCodium
from flowmill.strategies.direct import Direct
from flowmill.strategies.flow import Flow
from flowmill.strategies.sample import Sample

STRATEGIES: Mapping[StrategyName, Callable[[Desk], CandidateSource]] = {
    "flow": Flow,
    "direct": Direct,
    "sample": Sample,
    "alphacodium": AlphaCodium,
}
