"""Where the interpreter enters: old Pythons and a missing pytest are told before anything else is read."""

from __future__ import annotations

import json
import os
import sys


def unfit() -> dict[str, str] | None:
    """What keeps the tests from being run at all, as the report's first line."""
    if sys.version_info < (3, 9):  # noqa: UP036 - the user's interpreter, not ours
        told = f"is Python {sys.version_info[0]}.{sys.version_info[1]}; its tests need 3.9 or later to be run"
        return {"k": "hello", "problem": "no_python", "detail": told}
    try:
        __import__("pytest")
    except ImportError as missing:
        told = "" if missing.name == "pytest" else str(missing)
        return {"k": "hello", "problem": "no_pytest", "detail": told}
    return None


def enter() -> None:
    program, sys.path[0] = sys.path[0], os.getcwd()  # as `python -m pytest` has it
    problem = unfit()
    if problem is not None:
        os.write(int(os.environ["FLOWMILL_RESULTS"]), json.dumps(problem).encode() + b"\n")
        raise SystemExit(1)
    sys.path.insert(0, program)
    from .main import main  # noqa: PLC0415 - what it needs is looked for first

    sys.path.remove(program)
    main()


enter()
