"""How the end of a test process is told."""

from __future__ import annotations

import signal


def death(returncode: int | None) -> str:
    if returncode is None:
        return "closed its report and went on"
    if returncode >= 0:
        return f"exited with status {returncode} in the middle of the run"
    try:
        return f"was killed by {signal.Signals(-returncode).name}"
    except ValueError:
        return f"was killed by signal {-returncode}"


def aside(text: str) -> str:
    return f" ({text})" if text else ""


def last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""


def usage(output: str) -> str:
    """pytest's own words for wrong usage: what its lines with "error" say, else the last line."""
    lines = [line.strip().removeprefix("ERROR: ") for line in output.splitlines()]
    said = [line.rpartition("error: ")[2] for line in lines if "error: " in line]
    errors = said or [
        line for line, raw in zip(lines, output.splitlines(), strict=True) if raw.startswith("ERROR: ")
    ]
    return (
        "; ".join(list(dict.fromkeys(errors))[:2])[:500]
        or last_line(output)
        or "pytest refused its arguments"
    )
