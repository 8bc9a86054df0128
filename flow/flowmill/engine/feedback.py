"""One minimal failing case, in few words: what the next draft is told about the last one."""

from __future__ import annotations

import re
from collections.abc import Mapping

from flowmill.engine.verdict import Suite, Verdict, is_made
from flowmill.shapes import FINE, TestResult

MAX_CHARS, MAX_SMALL = 1400, 800
"""How much is told of a failure, and to a model that reads slowly."""
_UNDERLINE = re.compile(r"^[ |E]*[~^]+ *\n?", re.M)
"""Python's marks below a line of a traceback."""


def failing_visible(verdict: Verdict, suite: Suite) -> tuple[TestResult, ...]:
    """Failures that may be shown, the plainest first: short reports, then short ids."""
    bad = [r for i, r in verdict.results.items() if r.outcome not in FINE and _shown(i, suite)]
    return tuple(sorted(bad, key=lambda r: (len(r.details), len(r.id), r.id)))


def _shown(test_id: str, suite: Suite) -> bool:
    """Of an open-ended suite nothing is held back: its tests were not known when prompts were made."""
    if suite.open_ended:
        return not is_made(test_id)
    return test_id in suite.visible or test_id in suite.doctests


def failing_case(verdict: Verdict, suite: Suite, sources: Mapping[str, str], *, size: int = MAX_CHARS) -> str:
    """The plainest failing test: its code, how it calls the function, what happened, and a test that passes.

    In about `size` characters. `sources` maps test ids to their source. Empty if no visible test fails.
    """
    failures = failing_visible(verdict, suite)
    if not failures and verdict.problem and not verdict.results:
        return f"The tests cannot even be collected:\n```\n{tail(verdict.problem, size)}\n```"
    if not failures:
        return ""
    worst = failures[0]
    lines = [f"Failing test `{short_id(worst.id)}`: {worst.outcome}, {worst.message}".rstrip(", ")]
    source = sources.get(worst.id, "")
    if source and len(source) < 700:
        lines += ["```python", source.strip(), "```"]
    before = suite.baseline.get(worst.id)
    if before is not None and before.call:
        lines.append(f"The first call there: `{before.call}`")
    if worst.details:
        lines += [
            "It reports:",
            "```",
            tail(_UNDERLINE.sub("", worst.details), size - sum(map(len, lines))),
            "```",
        ]
    near = [i for i, r in verdict.results.items() if r.outcome == "passed" and i in suite.visible]
    if near:
        lines.append(f"{len(near)} other tests pass, `{short_id(near[0])}` among them: keep them passing.")
    return "\n".join(lines)


def short_id(test_id: str) -> str:
    return test_id.rsplit("::", 1)[-1]


def tail(text: str, size: int) -> str:
    """The last lines of `text` that fit into `size` characters; errors stand at the end."""
    size = max(size, 200)
    if len(text) <= size:
        return text.strip("\n")
    cut = text[-size:]
    return "...\n" + cut[cut.find("\n") + 1 :].strip("\n")


def failing_made(verdict: Verdict, made: str | None) -> str:
    """The first made test that fails, with its code; it may itself be wrong, and the words say so."""
    bad = [r for i, r in verdict.results.items() if is_made(i) and r.outcome != "passed"]
    if not bad or made is None:
        return ""
    name = short_id(bad[0].id)
    source = made.split(f"def {name}():", 1)[-1].split("\n\n", 1)[0].strip()
    return f"This additional test fails, unless the test itself is wrong:\n```python\n{source}\n```\n{bad[0].message}"
