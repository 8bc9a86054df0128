"""What a project's own configuration says of its tests' environment: tox, hatch and pytest-env."""

from __future__ import annotations

import configparser
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flowmill.project.pyproject import as_list, as_table, read_toml, subtable, texts

TEST_ENVIRONMENTS = ("test", "tests", "hatch-test", "default")
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_*?]*")
REPLACED = re.compile(r"\{([^{}]*)\}")
FOREIGN = re.compile(r"^(COV|TOX|PIP_|UV_|VIRTUALENV|LD_|DYLD_|PATH$|HOME$|PYTHON(?!PATH$|HASHSEED$))")
"""What tox sets for its own environments; the tests run in the user's, as plain pytest runs them."""


@dataclass(frozen=True, slots=True)
class Declared:
    """`names` and patterns of variables to pass on, and `values` that the configuration sets itself."""

    names: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict[str, str])


def declared_environment(root: Path, environ: Mapping[str, str]) -> Declared:
    """What the configuration files in `root` name and set; what cannot be read or worked out is left out."""
    tables, _ = read_toml(root / "pyproject.toml")
    hatch, _ = read_toml(root / "hatch.toml")
    names: dict[str, None] = {}
    values: dict[str, str] = {}
    found = [*_tox(root, tables), *_hatch(subtable(tables, "tool", "hatch", "envs"))]
    found += [*_hatch(subtable(hatch, "envs")), (_pytest_env(root, tables), {})]
    for passed, given in found:
        names.update(dict.fromkeys(name for name in passed if _is_name(name)))
        for name, text in given.items():
            value = _worked_out(text, root, environ)
            if value is not None and _is_name(name) and not FOREIGN.match(name):
                values.setdefault(name, value)
    return Declared(tuple(names), values)


Found = tuple[Iterable[str], Mapping[str, str]]


def _is_name(name: str) -> bool:
    # A bare "*" names nothing: it would pass the whole environment on.
    return bool(NAME.fullmatch(name)) and name.strip("*?") != ""


def _tox(root: Path, tables: Mapping[str, object]) -> Iterator[Found]:
    legacy = subtable(tables, "tool", "tox").get("legacy_tox_ini")
    yield from (_tox_ini(text) for text in (_read(root / "tox.ini"), _read(root / "setup.cfg"), legacy or ""))
    native, _ = read_toml(root / "tox.toml")
    for table in (subtable(tables, "tool", "tox"), native):
        base = subtable(table, "env_run_base")
        passed = [*texts(base.get("pass_env")), *_words(base.get("passenv"))]
        yield (
            passed,
            {name: value for name, value in as_table(base.get("set_env")).items() if isinstance(value, str)},
        )


def _tox_ini(text: object) -> Found:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(str(text))
    except configparser.Error:
        return (), {}
    if not parser.has_section("testenv"):
        return (), {}
    section = parser["testenv"]
    passed = _words(section.get("pass_env") or section.get("passenv"))
    lines = (section.get("set_env") or section.get("setenv") or "").splitlines()
    pairs = (line.partition("=") for line in lines)
    # A line with a factor, such as "py310: A = b", holds only for some environments.
    return passed, {name.strip(): value.strip() for name, sign, value in pairs if sign}


def _hatch(environments: Mapping[str, object]) -> Iterator[Found]:
    for name in TEST_ENVIRONMENTS:
        table = subtable(environments, name)
        values = {
            key: value for key, value in as_table(table.get("env-vars")).items() if isinstance(value, str)
        }
        yield texts(table.get("env-include")), values


def _pytest_env(root: Path, tables: Mapping[str, object]) -> Iterator[str]:
    """The names alone: the plugin sets them itself, from the values that the user's environment has."""
    yield from subtable(tables, "tool", "pytest_env")
    options = subtable(tables, "tool", "pytest", "ini_options").get("env")
    lines = [str(line) for line in as_list(options)] or str(options or "").splitlines()
    for file, section in (("pytest.ini", "pytest"), ("tox.ini", "pytest"), ("setup.cfg", "tool:pytest")):
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        try:
            parser.read_string(_read(root / file))
        except configparser.Error:
            continue
        lines += parser.get(section, "env", fallback="").splitlines()
    for line in lines:
        # "R:" and "D:" say whether the value is taken as it is and whether the user's wins.
        yield re.sub(r"^([RDU]:)+", "", line.partition("=")[0].strip())


def _worked_out(text: str, root: Path, environ: Mapping[str, str]) -> str | None:
    """The value with the project's folder put in; None if it needs what only tox or hatch knows."""
    known = dict.fromkeys(("toxinidir", "tox_root", "root"), str(root))
    known |= {"/": os.sep, ":": os.pathsep, "env:HOME": environ.get("HOME", "")}
    unknown = [word for word in REPLACED.findall(text) if word not in known]
    return None if unknown else REPLACED.sub(lambda found: known[found[1]], text)


def _words(value: object) -> list[str]:
    return re.split(r"[\s,]+", value.strip()) if isinstance(value, str) else list(texts(value))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
