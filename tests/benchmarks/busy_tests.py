"""A process that is as busy as one that runs tests: compiles and runs small functions, over and over.

model_beside.py starts it, in a session of its own as the runner does with the tests. For each
line with seconds on stdin it works for so long and prints how many units it did a second.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

LINES = "\n".join(f"    total += [n * {k} for n in range(20)].count({k})" for k in range(40))
SOURCE = f"def counted(total):\n{LINES}\n    return total\n"
AUTOGROUP = Path("/proc/self/autogroup")


def take_place(how: str) -> None:
    """`nice10`; `idle` or `batch` as scheduling policy; `auto10`: the niceness of the whole session.

    Where the kernel groups processes by session (`sched_autogroup_enabled`), the first three
    only count among processes of the same session.
    """
    if how.startswith("nice"):
        os.nice(int(how.removeprefix("nice")))
    elif how.startswith("auto"):
        AUTOGROUP.write_text(how.removeprefix("auto"))
    else:
        policy = {"idle": os.SCHED_IDLE, "batch": os.SCHED_BATCH}[how]
        os.sched_setscheduler(0, policy, os.sched_param(0))


def work(seconds: float) -> float:
    """Units a second."""
    started = time.perf_counter()
    units = 0
    while time.perf_counter() - started < seconds:
        names: dict[str, object] = {}
        exec(compile(SOURCE, "busy", "exec"), names)
        counted = names["counted"]
        assert callable(counted)
        assert counted(0) == 59
        units += 1
    return units / (time.perf_counter() - started)


def main() -> None:
    take_place(sys.argv[1])
    print("ready", flush=True)
    for line in sys.stdin:
        print(work(float(line)), flush=True)


if __name__ == "__main__":
    main()
