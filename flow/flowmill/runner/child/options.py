"""Options of the project that would get in the way."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from typing import Any, cast

import pytest

_FLAGS = re.compile(
    r"--(lf|last-failed|ff|failed-first|nf|new-first|sw|stepwise|sw-skip|stepwise-skip|sw-reset|stepwise-reset"
    r"|cache-clear|cov-branch|cov-append|no-cov|no-cov-on-fail|self-contained-html|exitfirst|pdb|trace|looponfail"
    r"|forked|co|collect-only|setup-only|setup-plan|json-report|random-order|randomly-dont-re(set-seed|organize))"
)
_VALUED = re.compile(
    r"--(numprocesses|dist|maxprocesses|tx|px|rsyncdir|cov-[a-z-]+|lfnf|last-failed-no-failures|cache-show|junit-?xml"
    r"|junit-?prefix|html|css|maxfail|pdbcls|basetemp|json-report-[a-z-]+|report-log|random-order-[a-z-]+"
    r"|randomly-[a-z-]+)"
)
_PLUGINS = re.compile(
    r"no:(terminal|tmpdir|doctest)|xdist(\.plugin|\.looponfail)?|pytest_cov(\.plugin)?|(pytest_)?randomly|random_order"
)


def strip_options(given: Sequence[str]) -> list[str]:
    """Drop options that would spread the tests over processes, stop them early, or write files."""
    kept: list[str] = []
    rest = list(given)
    while rest:
        argument = rest.pop(0)
        name, equals, _ = argument.partition("=")
        if _FLAGS.fullmatch(name):
            continue
        if name == "--cov" or name == "-n" or _VALUED.fullmatch(name):
            if not equals and rest and not rest[0].startswith("-"):
                rest.pop(0)
        elif argument == "-p" and rest:
            value = rest.pop(0)
            kept += [] if _PLUGINS.fullmatch(value) else [argument, value]
        elif argument.startswith("-n") or (argument.startswith("-p") and _PLUGINS.fullmatch(argument[2:])):
            continue
        elif argument.startswith("--") or not argument.startswith("-"):
            kept.append(argument)
        else:
            kept += _strip_letters(argument)
    return kept


def _strip_letters(argument: str) -> list[str]:
    """`-xvs` without its x; what follows the first letter that takes a value is left alone."""
    flags = re.match(r"-[vqslhVx]*", argument)
    head = flags.group() if flags else ""
    stripped = head.replace("x", "") + argument[len(head) :]
    return [] if stripped == "-" and argument != "-" else [stripped]


def strip_configured_options() -> None:
    """Strip what comes from `$PYTEST_ADDOPTS` and, whatever file it is in, from the ini option addopts."""
    given = os.environ.get("PYTEST_ADDOPTS")
    if given:
        os.environ["PYTEST_ADDOPTS"] = shlex.join(strip_options(shlex.split(given)))
    getini = pytest.Config.getini

    def stripped(self: pytest.Config, name: str) -> Any:
        value = getini(self, name)
        return strip_options(value) if name == "addopts" else value

    cast(Any, pytest.Config).getini = stripped
