"""When to ask a server again: how long to wait, and when waiting is pointless."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from flowmill.model.faults import Fault


@dataclass(frozen=True, slots=True)
class Limits:
    """How patient a call is. A slow machine may read a long prompt for minutes before its first token."""

    attempts: int = 4
    first_seconds: float = 300.0
    """From the request to the first piece of the answer."""
    stall_seconds: float = 60.0
    """Between two pieces."""
    connect_seconds: float = 10.0
    longest_wait: float = 60.0
    """A server that asks for more than this before the next attempt is not waited for."""
    backoff: float = 0.5
    longest_backoff: float = 8.0


@dataclass(frozen=True, slots=True)
class Pace:
    """The clock of the retries; tests bring their own."""

    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    now: Callable[[], float] = time.time
    jitter: Callable[[], float] = random.random


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """The seconds that a server asks to wait, from `retry-after-ms` or `Retry-After` (seconds or a date)."""
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        try:
            seconds = float(value) * scale
        except ValueError:
            continue
        return seconds if 0 <= seconds < float("inf") else None
    try:
        return max(0.0, parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - now)
    except ValueError:
        return None


def delay(fault: Fault, attempt: int, limits: Limits, jitter: float) -> float:
    """Seconds before the next attempt: what the server asks for, else doubling, between half and whole."""
    if fault.wait is not None:
        return fault.wait
    full = min(limits.backoff * 2 ** (attempt - 1), limits.longest_backoff)
    return full * (0.5 + 0.5 * jitter)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a call stands when an attempt of it failed."""

    attempt: int
    answered_before: bool
    """Did this endpoint ever answer? Then a refused connection is a hiccup, else a wrong address."""
    seconds_left: float


def verdict(fault: Fault, standing: Standing, limits: Limits, jitter: float) -> float | Fault:
    """The seconds to wait before the next attempt, or the fault to end with."""
    if fault.again == "never" or (fault.again == "once_answered" and not standing.answered_before):
        return fault
    if standing.attempt >= limits.attempts:
        return _ended(fault, f"given up after {limits.attempts} attempts")
    wait = delay(fault, standing.attempt, limits, jitter)
    if wait > limits.longest_wait:
        return _ended(fault, f"it asks to wait {wait:.0f} s")
    if wait >= standing.seconds_left:
        return _ended(fault, "no time is left to ask again")
    return wait


def _ended(fault: Fault, why: str) -> Fault:
    return Fault(f"{fault}; {why}", hint=fault.hint, remedy=fault.remedy)
