"""Names of runs: short, unique, readable, and in the order of their start."""

from __future__ import annotations

import secrets
import time

# Crockford's base 32: no i, l, o or u, which are misread. Its letters sort as their values do.
DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
EPOCH = 1_577_836_800  # 2020-01-01
TICKS = 16
"""Steps of time in a second; seven digits of them last until 2088."""
CHANCE = 4


def new_run_id(now: float | None = None) -> str:
    """Twelve characters: `r`, seven of time, four of chance, for several processes write into one journal."""
    ticks = int(((time.time() if now is None else now) - EPOCH) * TICKS)
    moment = "".join(DIGITS[ticks >> shift & 31] for shift in range(30, -1, -5))
    return "r" + moment + "".join(secrets.choice(DIGITS) for _ in range(CHANCE))
