"""What an operator proposes, and how useful each kind of change has been found to be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from flowmill.shapes import Origin

Kind = Literal[
    "comparison", "boundary", "negation", "operator", "logic", "operands", "off by one", "constant", "flag", "variable",
    "arguments", "function", "method", "attribute", "index", "slice", "container", "minmax", "unwrap", "wrap",
    "condition", "type", "remedy", "guard", "raise", "drop guard", "branches", "return", "yield", "assignment", "delete", "move", "nesting",
    "insert", "donor", "donor expression", "simplify",
]  # fmt: skip

PRIORS: dict[Kind, float] = {
    "remedy": 1.0,
    "flag": 1.0,
    "operator": 1.0,
    "comparison": 1.0,
    "negation": 0.95,
    "logic": 0.95,
    "off by one": 0.9,
    "function": 0.9,
    "method": 0.9,
    "arguments": 0.9,
    "yield": 0.9,
    "variable": 0.8,
    "index": 0.8,
    "boundary": 0.8,
    "slice": 0.7,
    "operands": 0.7,
    "constant": 0.7,
    "raise": 0.7,
    "type": 0.7,
    "container": 0.65,
    "unwrap": 0.6,
    "minmax": 0.6,
    "attribute": 0.6,
    "condition": 0.55,
    "assignment": 0.55,
    "nesting": 0.5,
    "return": 0.5,
    "branches": 0.5,
    "donor": 0.45,
    "move": 0.45,
    "insert": 0.4,
    "donor expression": 0.4,
    "simplify": 0.4,
    "guard": 0.4,
    "wrap": 0.35,
    "drop guard": 0.3,
    "delete": 0.3,
}
"""How much is expected of each kind of change, 1 the most. What makes code do less overfits most often."""

OF_DRAFTS: dict[Kind, float] = {**PRIORS, "wrap": 0.6, "drop guard": 0.6, "delete": 0.45}
"""The same for what a model wrote, which lacks conversions and does too much more often than a person's code."""

WORDS: dict[Kind, str] = {
    "remedy": "what an error's message asks for",
    "flag": "True, False or None changed",
    "operator": "another operator",
    "comparison": "another comparison",
    "negation": "a condition turned round",
    "logic": "`and` and `or` exchanged",
    "off by one": "one more or less",
    "function": "another function of the same use",
    "method": "another method of the same use",
    "arguments": "arguments in another order or number",
    "yield": "yields otherwise",
    "variable": "another name",
    "index": "another index",
    "boundary": "another bound",
    "slice": "another slice",
    "operands": "operands exchanged",
    "constant": "another constant",
    "raise": "a missing check that raises",
    "container": "another container",
    "unwrap": "a call left out",
    "minmax": "a missing `min` or `max`",
    "attribute": "another attribute",
    "condition": "a condition widened or narrowed",
    "type": "another class asked for",
    "assignment": "assigns otherwise",
    "nesting": "a statement in another block",
    "return": "returns something else",
    "branches": "branches exchanged",
    "donor": "a check that a similar function makes",
    "move": "statements in another order",
    "insert": "a missing statement",
    "donor expression": "an expression from elsewhere in the function",
    "simplify": "part of an expression left out",
    "guard": "a missing check",
    "wrap": "a missing call",
    "drop guard": "a check left out",
    "delete": "a statement left out",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One small change of a body, not written out yet.

    `line` is the body's line that it touches, `weight` how likely it is among its kind,
    and `write` gives the new body, None if the change cannot be made after all.
    """

    kind: Kind
    line: int
    weight: float
    write: Callable[[], str | None]
    lines: int = 1
    """How many lines it changes or adds."""

    @property
    def idea(self) -> str:
        return WORDS[self.kind]

    @property
    def origin(self) -> Origin:
        return "donor" if self.kind.startswith("donor") else "mutation"
