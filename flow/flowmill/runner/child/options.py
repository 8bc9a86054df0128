"""Options of the project that would get in the way."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

_FLAGS = re.compile(
    r"--(lf|last-failed|ff|failed-first|nf|new-first|sw|stepwise|sw-skip|stepwise-skip|sw-reset|stepwise-reset"
    r"|cache-clear|cov-branch|cov-append|no-cov|no-cov-on-fail|self-contained-html|exitfirst|pdb|trace|looponfail"
    r"|forked|co|collect-only|setup-only|setup-plan|json-report|random-order|randomly-dont-reorganize|testmon(-.*)?"
    r"|benchmark-autosave|benchmark-save-data|profile|profile-svg|memray|snapshot-update|force-regen|regen-all"
    r"|store-durations|clean-alluredir)"
)
_VALUED = re.compile(
    r"--(numprocesses|dist|maxprocesses|tx|px|rsyncdir|cov-[a-z-]+|lfnf|last-failed-no-failures|cache-show|junit-?xml"
    r"|junit-?prefix|html|css|maxfail|pdbcls|basetemp|json-report-[a-z-]+|report-log|random-order-[a-z-]+"
    r"|randomly-seed|debug|pastebin|log-file|benchmark-(save|json|csv|histogram|storage|compare(-fail)?|cprofile-dump)"
    r"|alluredir|inline-snapshot|durations-path)"
)
_PLUGINS = re.compile(
    r"no:(terminal|tmpdir|doctest)|xdist(\.plugin|\.looponfail)?|pytest_cov(\.plugin)?|(pytest_)?randomly|random_order"
)

_OFF: dict[str, object] = {
    # pytest's own
    "continue_on_collection_errors": True, "maxfail": 0, "lf": False, "failedfirst": False, "newfirst": False, "stepwise": False, "stepwise_skip": False,
    "usepdb": False, "trace": False, "debug": None, "pastebin": None, "log_file": None, "xmlpath": None,
    # of xdist, randomly and benchmark
    "numprocesses": None, "dist": "no", "distload": False, "tx": [], "looponfail": False,
    "randomly_reorganize": False,
    "benchmark_save": None, "benchmark_autosave": None, "benchmark_json": None, "benchmark_histogram": [],
    "benchmark_compare": [], "benchmark_compare_fail": None, "benchmark_cprofile_dump": [],
}  # fmt: skip
"""By the name that the option has in code. One file that cannot be read leaves the tests of the others. A plugin that takes one as it is given has it from addopts only."""


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


def strip_configured_options(cache: Callable[[], str]) -> None:
    """Keep the project's configuration from what is in the way; pytest's cache goes where `cache` says.

    Stripped are `$PYTEST_ADDOPTS` and, whatever file it is in, the ini option addopts.
    What plugins and conftests set by code is put back once it is all read.
    """
    given = shlex.split(os.environ.get("PYTEST_ADDOPTS", ""))
    if given:
        os.environ["PYTEST_ADDOPTS"] = shlex.join(strip_options(given))
    getini, parse = pytest.Config.getini, pytest.Config.parse
    seeds = _seeds(given)

    def stripped(self: pytest.Config, name: str) -> Any:
        if name == "cache_dir":
            return cache()
        if name == "log_file":
            return ""
        value = getini(self, name)
        if name != "addopts":
            return value
        seeds[:0] = _seeds(value)
        return strip_options(value)

    def parsed(self: pytest.Config, *args: Any, **more: Any) -> None:
        parse(self, *args, **more)
        _settle(self, cache(), seeds[-1] if seeds else 0)

    cast(Any, pytest.Config).getini, cast(Any, pytest.Config).parse = stripped, parsed


def _seeds(given: Sequence[str]) -> list[int]:
    """The seeds that these options have for pytest-randomly."""
    return [int(seed) for seed in re.findall(r"--randomly-seed[= ](\d+)\b", " ".join(given))]


def _settle(config: pytest.Config, cache: str, seed: int) -> None:
    """Switch off, in options that are all read, what the tests of one process do without."""
    option: Any = config.option
    # Every draft gets the same random numbers; shuffled tests would be told in another order.
    values = {**_OFF, "randomly_seed": seed, "benchmark_storage": f"file://{cache}/benchmarks"}
    for name, value in values.items():
        if hasattr(option, name):
            setattr(option, name, value)
    # A test that it forks for itself could not report to us; a crash costs us one test anyway.
    if config.pluginmanager.hasplugin("pytest_forked"):
        config.pluginmanager.unregister(name="pytest_forked")
    # Where xdist is installed, it would listen on a socket in a thread to count the crashes of workers.
    reruns: Any = sys.modules.get("pytest_rerunfailures")
    if reruns is not None:
        reruns.HAS_PYTEST_HANDLECRASHITEM = False
