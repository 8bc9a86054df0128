"""What the user set, and where: flag or editor, then the environment, then the project, then the default."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flowmill.errors import UsageError
from flowmill.options import BY_NAME, EMBEDDED, OPTIONS, BadValue, Option, Sandbox, snake
from flowmill.project.pyproject import read_toml, subtable
from flowmill.shapes import Budget, StrategyName
from flowmill.trust import is_trusted

DEFAULT = Budget()
PROJECT = "[tool.flowmill]"
ENVIRONMENT = (
    ("base_url", "FLOWMILL_BASE_URL"),
    ("base_url", "OPENAI_BASE_URL"),
    ("model", "FLOWMILL_MODEL"),  # any text that is not empty is a model's name, so only addresses can be bad
)
"""In this order: the first that is set counts."""
KEY_NAMES = frozenset({"api_key", "key", "token", "headers", "organization", "endpoint", "openai_api_key"})


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting with its value; `sources` says for each that is not the default where it was set."""

    python: str | None = None
    project: str | None = None
    model: str | None = None
    base_url: str | None = field(default=None, repr=False)
    """May hold a password: not for display."""
    strategy: StrategyName = "flow"
    max_seconds: float = Budget().seconds
    max_calls: int = Budget().calls
    max_tokens: int = Budget().tokens
    tests: tuple[str, ...] = ()
    allow_unverified: bool = False
    sandbox: Sandbox = "auto"
    pass_env: tuple[str, ...] = ()
    """Names or patterns of variables that the tests get besides the usual ones."""
    watch: bool = False
    auto_repair: bool = False
    log_file: str | None = None
    test_seconds: float = 10.0
    seed: int = 0
    force: bool = False
    sources: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def budget(self) -> Budget:
        return Budget(self.max_seconds, self.max_calls, self.max_tokens)


def load_settings(
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    project_root: Path | None,
    *,
    editor: Mapping[str, object] | None = None,
    trusted: bool | None = None,
) -> tuple[Settings, tuple[str, ...]]:
    """The settings and one line for each that was bad, unknown or not the project's to make.

    `flags` come from the command line: a bad one is a UsageError, None means not given.
    `trusted` is what an editor knows of the folder; None looks up what `flowmill doctor
    --trust` recorded. Keys may be spelled camelCase, kebab-case or snake_case.
    """
    warnings: list[str] = []
    values: dict[str, object] = {}
    sources: dict[str, str] = {}

    def take(found: Iterable[tuple[str, object, str]]) -> None:
        for name, value, source in found:
            if name not in values:
                values[name], sources[name] = value, source

    take(_from_flags(flags))
    take(_checked(editor or {}, "the editor's settings", warnings.append, lambda option: option.camel))
    # What a stronger source has settled needs no warning about a weaker one.
    take(_from_environment(environ, warnings.append, frozenset(values)))
    if project_root is not None:
        take(_from_project(project_root, trusted, warnings.append))
    chosen: dict[str, Any] = values  # each was read by its own option
    return Settings(**chosen, sources=MappingProxyType(sources)), tuple(warnings)


def project_table(root: Path) -> tuple[dict[str, object], str]:
    """The `[tool.flowmill]` table of the project's pyproject.toml, and "" or why it cannot be read."""
    tables, problem = read_toml(root / "pyproject.toml")
    return subtable(tables, "tool", "flowmill"), problem


def guarded(table: Mapping[str, object]) -> tuple[str, ...]:
    """The keys of the table that count only if the project is trusted."""
    return tuple(key for key, value in table.items() if _needs_trust(snake(key), value))


def _from_flags(flags: Mapping[str, object]) -> Iterable[tuple[str, object, str]]:
    for key, value in flags.items():
        option = BY_NAME.get(snake(key))
        if option is None or value is None or value in ((), []):
            continue  # not given, or a flag that is no setting, such as --diff
        try:
            yield option.name, option.read(value), f"--{option.kebab}"
        except BadValue as error:
            raise UsageError(f"--{option.kebab} {_shown(option, value)}: must be {error}") from None


def _from_environment(
    environ: Mapping[str, str], warn: Callable[[str], None], settled: frozenset[str]
) -> Iterable[tuple[str, object, str]]:
    found = set(settled)
    for name, variable in ENVIRONMENT:
        if name in found or not environ.get(variable, "").strip():
            continue
        found.add(name)
        try:
            yield name, BY_NAME[name].read(environ[variable]), f"${variable}"
        except BadValue as error:
            # Falling through to the next address would send the user's code where they did not mean to.
            warn(f"${variable} is no address: it must be {error}; the embedded model is used")
            yield name, EMBEDDED, f"${variable}"


def _from_project(
    root: Path, trusted: bool | None, warn: Callable[[str], None]
) -> Iterable[tuple[str, object, str]]:
    table, problem = project_table(root)
    if problem:
        warn(f"{problem}; the defaults are used")
    allowed = is_trusted(root, table) if trusted is None else trusted
    kept = {key: value for key, value in table.items() if _may_set(root, key, value, allowed, warn)}
    yield from _checked(kept, PROJECT, warn, lambda option: option.kebab)


def _may_set(root: Path, key: str, value: object, trusted: bool, warn: Callable[[str], None]) -> bool:
    name = snake(key)
    option = BY_NAME.get(name)
    if name in KEY_NAMES:
        warn(
            f"{PROJECT} {key} is ignored: keys and headers are never read from a project; use FLOWMILL_API_KEY"
        )
        return False
    if option is not None and option.in_project == "never":
        warn(f"{PROJECT} {key} is ignored: give --{option.kebab} on the command line")
        return False
    if _needs_trust(name, value) and not trusted:
        remedy = f"flowmill doctor --trust --project {root}"
        warn(f"{PROJECT} {key} is ignored: the project is not trusted with it; to allow it: {remedy}")
        return False
    return True


def _needs_trust(name: str, value: object) -> bool:
    option = BY_NAME.get(name)
    if option is None or option.in_project != "trusted":
        return False
    return not (name == "sandbox" and value == "strict")  # tightening is anyone's right


def _checked(
    table: Mapping[str, object], where: str, warn: Callable[[str], None], spell: Callable[[Option], str]
) -> Iterable[tuple[str, object, str]]:
    for key, value in table.items():
        option = BY_NAME.get(snake(key))
        if option is None:
            near = difflib.get_close_matches(snake(key), BY_NAME, n=1, cutoff=0.5)
            hint = f"did you mean {spell(BY_NAME[near[0]])}?" if near else _known(spell)
            warn(f"{where}: {key} is no setting; {hint}")
        elif value is not None and value != "":  # editors send "" for what is not set
            try:
                yield option.name, option.read(value), where
            except BadValue as error:
                shown = _shown(option, value)
                warn(f"{where}: {key} = {shown} must be {error}; the default is used")


def _known(spell: Callable[[Option], str]) -> str:
    return f"there are {', '.join(spell(option) for option in OPTIONS)}"


def _shown(option: Option, value: object) -> str:
    # A bad address may still hold a password.
    return "(not shown)" if option.name == "base_url" and "@" in str(value) else repr(value)
