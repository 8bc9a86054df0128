"""What the project's pytest configuration says about which files and names are tests.

Read as pytest reads it, without running pytest: the nearest configuration file
from the root upwards, in pytest's own order, with pytest's defaults.
"""

from __future__ import annotations

import configparser
import fnmatch
import itertools
import os
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from flowmill.project.pyproject import as_list, read_toml, subtable

PYTEST_TOML = ("pytest.toml", ".pytest.toml")
PYTEST_INI = ("pytest.ini", ".pytest.ini")
UNUSUAL = ("test.py", "tests.py", "test*.py", "*tests.py", "*_test*.py", "test/*.py", "tests/*.py")


@dataclass(frozen=True, slots=True)
class PytestConfig:
    """The collection settings that hold for a root; `file` is where they come from, if anywhere."""

    root: Path
    file: Path | None = None
    testpaths: tuple[str, ...] = ()
    python_files: tuple[str, ...] = ("test_*.py", "*_test.py")
    python_classes: tuple[str, ...] = ("Test",)
    python_functions: tuple[str, ...] = ("test",)
    norecursedirs: tuple[str, ...] = (
        "*.egg", ".*", "_darcs", "build", "CVS", "dist", "node_modules", "venv", "{arch}",
    )  # fmt: skip
    pythonpath: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    def is_test_file(self, path: Path) -> bool:
        """Whether pytest takes this `.py` file for a test module when it walks a folder."""
        return path.suffix == ".py" and any(_path_matches(path, pattern) for pattern in self.python_files)

    def is_test_function(self, name: str) -> bool:
        return any(_name_matches(name, pattern) for pattern in self.python_functions)

    def is_test_class(self, name: str) -> bool:
        return any(_name_matches(name, pattern) for pattern in self.python_classes)

    def import_folders(self) -> tuple[Path, ...]:
        """The folders that `pythonpath` puts on the import path."""
        base = self.file.parent if self.file else self.root
        return tuple(Path(os.path.normpath(base / entry)) for entry in self.pythonpath)


def pytest_options(folder: Path) -> tuple[Path, Mapping[str, object]] | None:
    """The pytest configuration that lies in this folder itself, as pytest picks it."""
    for name in PYTEST_TOML:
        if (folder / name).is_file():
            return folder / name, subtable(read_toml(folder / name)[0], "pytest")
    for name in PYTEST_INI:
        if (folder / name).is_file():
            return folder / name, _ini_section(folder / name, "pytest") or {}
    found = subtable(read_toml(folder / "pyproject.toml")[0], "tool", "pytest")
    if found:
        return folder / "pyproject.toml", subtable(found, "ini_options") or found
    for name, section in (("tox.ini", "pytest"), ("setup.cfg", "tool:pytest")):
        options = _ini_section(folder / name, section)
        if options is not None:
            return folder / name, options
    return None


def read_config(root: Path) -> PytestConfig:
    """The configuration that pytest would use when it is started in `root`."""
    for folder in (root, *root.parents):
        found = pytest_options(folder)
        if found:
            return _config(root, *found)
        if (folder / ".git").exists():
            break  # pytest looks further up, but what lies above a repository is not the project's
    return PytestConfig(root)


def collectable_files(config: PytestConfig) -> list[Path]:
    """Every test file that the configuration collects, sorted; reads folders only, never files."""
    skipped = {os.path.normpath(config.root / entry) for entry in config.ignored}
    found: dict[Path, None] = {}
    for start in _starts(config):
        if start.is_file():
            found[start] = None
        else:
            found.update(dict.fromkeys(_walk(start, config, skipped)))
    return sorted(found)


def uncollected_files(config: PytestConfig) -> list[Path]:
    """Files that look like tests though the configuration does not collect them, such as `tests.py`.

    For projects in which pytest finds nothing by itself: files named to it run all the same.
    """
    return collectable_files(_unusual(config))


def is_unusual(config: PytestConfig, path: Path) -> bool:
    """Whether the file is called as one of those is."""
    return _unusual(config).is_test_file(path)


def _unusual(config: PytestConfig) -> PytestConfig:
    return replace(config, python_files=UNUSUAL, testpaths=())


def named_files(config: PytestConfig) -> list[Path]:
    """The files that `testpaths` names one by one: pytest collects them whatever they are called."""
    return [start for start in _starts(config) if start.is_file()]


def is_environment(folder: Path) -> bool:
    """Whether the folder is a virtual or conda environment, which holds no tests of the project."""
    return (folder / "pyvenv.cfg").is_file() or (folder / "conda-meta").is_dir()


def _starts(config: PytestConfig) -> list[Path]:
    # pytest uses testpaths only when it is started where the configuration lies.
    if config.file is None or config.file.parent != config.root:
        return [config.root]
    found = [path for entry in config.testpaths for path in _expand(config.root, entry)]
    return found or [config.root]


def _expand(root: Path, entry: str) -> list[Path]:
    if not set("*?[") & set(entry):
        path = Path(os.path.normpath(root / entry))
        return [path] if path.exists() else []
    try:
        return sorted(root.glob(entry))
    except (ValueError, NotImplementedError):  # "" and absolute patterns are not for glob
        return []


def _walk(start: Path, config: PytestConfig, skipped: set[str]) -> Iterator[Path]:
    pending = [start]
    seen: set[str] = set()
    while pending:
        folder = pending.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue  # a folder that cannot be read holds no test that pytest could run
        for entry in entries:
            path = Path(entry.path)
            if entry.path in skipped:
                continue
            if entry.is_file():
                if entry.name.endswith(".py") and config.is_test_file(path):
                    yield path
            elif entry.is_dir() and not _skip_folder(path, config):
                real = os.path.realpath(entry.path) if entry.is_symlink() else entry.path
                if real not in seen:
                    seen.add(real)
                    pending.append(path)


def _skip_folder(path: Path, config: PytestConfig) -> bool:
    if path.name == "__pycache__" or any(_path_matches(path, entry) for entry in config.norecursedirs):
        return True
    return is_environment(path)


def _config(root: Path, file: Path, options: Mapping[str, object]) -> PytestConfig:
    plain = PytestConfig(root, file)

    def words(key: str, default: tuple[str, ...]) -> tuple[str, ...]:
        return _words(options[key]) if key in options else default

    return PytestConfig(
        root,
        file,
        testpaths=words("testpaths", ()),
        python_files=words("python_files", plain.python_files),
        python_classes=words("python_classes", plain.python_classes),
        python_functions=words("python_functions", plain.python_functions),
        norecursedirs=words("norecursedirs", plain.norecursedirs),
        pythonpath=words("pythonpath", ()),
        ignored=_ignored(words("addopts", ())),
    )


def _ignored(addopts: tuple[str, ...]) -> tuple[str, ...]:
    pairs = [option.partition("=") for option in addopts if option.startswith("--ignore=")]
    split = [after for option, after in itertools.pairwise(addopts) if option == "--ignore"]
    return (*(value for _, _, value in pairs), *split)


def _words(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        try:
            return tuple(shlex.split(value, comments=True))
        except ValueError:  # an unclosed quote: pytest will say so itself
            return tuple(value.split())
    return tuple(str(item) for item in as_list(value))


def _ini_section(path: Path, section: str) -> dict[str, object] | None:
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, configparser.Error):
        return None
    return dict(parser.items(section)) if parser.has_section(section) else None


def _path_matches(path: Path, pattern: str) -> bool:
    if "/" not in pattern:
        return fnmatch.fnmatch(path.name, pattern)
    anchored = pattern if pattern.startswith("/") else f"*/{pattern}"
    return fnmatch.fnmatch(path.as_posix(), anchored)


def _name_matches(name: str, pattern: str) -> bool:
    return name.startswith(pattern) or (bool(set("*?[") & set(pattern)) and fnmatch.fnmatch(name, pattern))
