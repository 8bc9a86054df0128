"""A mutant that is worth a draft, and which of several is the likeliest to be right."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from flowmill.engine.judge import Tried
from flowmill.mutation.shapes import PRIORS, Change
from flowmill.shapes import Candidate


@dataclass(frozen=True, slots=True)
class Mutant:
    """One that was better than what it was made of."""

    change: Change
    tried: Tried
    green: bool
    parent: int
    """The draft that was mutated, 0 for the code as it stands."""

    def candidate(self, number: int) -> Candidate:
        note = f"{self.change.idea}, no model was asked"
        parent = self.parent or None
        return Candidate(
            number, self.tried.draft, self.change.origin, parent, self.change.idea, notes=(note,)
        )

    def likelihood(self, lines: Counter[int]) -> float:
        """Greater is better: its kind and place, how many of its like pass there too, and a small diff."""
        votes = 1 + 0.25 * (lines[self.change.line] - 1)
        own = PRIORS[self.change.kind] * min(self.change.weight, 1.2)
        return own * votes - 0.02 * self.tried.verdict.size
