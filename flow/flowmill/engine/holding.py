"""Which of the selected tests the model may see: a pure choice."""

from __future__ import annotations

from collections.abc import Sequence

SHARE = 4
LEAST = 4


def function_of(test_id: str) -> str:
    """The id without the parameters of a parametrised case."""
    return test_id.split("[", 1)[0]


def hold_back(ids: Sequence[str]) -> frozenset[str]:
    """The ids to keep out of every prompt: each fourth test function, none where there are fewer than four.

    `ids` come in the order of usefulness to the model, so the first ones stay visible.
    All parameters of a function share its source, so they go together.
    """
    functions = list(dict.fromkeys(function_of(i) for i in ids))
    if len(functions) < LEAST:
        return frozenset()
    held = {name for place, name in enumerate(functions) if place % SHARE == SHARE - 1}
    return frozenset(i for i in ids if function_of(i) in held)
