"""From a file to the dotted name that the project's tests import it by."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from flowmill.project.pyproject import as_list, as_table, read_toml, subtable, texts
from flowmill.project.pytest_config import PytestConfig, read_config
from flowmill.shapes import Overlay

INIT = "__init__.py"


def module_name(
    root: Path, file: Path, overlay: Overlay | None = None, config: PytestConfig | None = None
) -> tuple[str, Path]:
    """The module's dotted name and the folder that must be on the import path for it.

    Regular packages are climbed through their `__init__.py`; above them a source
    root (`pythonpath` of pytest, the build system's folders, `src`) may add the
    names of namespace packages, and so may the root for a folder without packages.
    """
    overlay = overlay or {}
    base, inner = _climb(file.parent, overlay)
    stem = () if file.name == INIT else (file.stem,)
    sources = _source_roots(root, config or read_config(root))
    holder = _deepest(base, sources)
    if holder is None and not inner and file.name != INIT and base.is_relative_to(root):
        holder = root
    above = base.relative_to(holder).parts if holder else ()
    if not all(part.isidentifier() for part in above):
        holder, above = None, ()
    return ".".join((*above, *inner, *stem)), holder or base


def _climb(folder: Path, overlay: Overlay) -> tuple[Path, tuple[str, ...]]:
    names: list[str] = []
    while (folder / INIT).is_file() or folder / INIT in overlay:
        if folder.parent == folder:
            break
        names.insert(0, folder.name)
        folder = folder.parent
    return folder, tuple(names)


def _deepest(base: Path, sources: Iterable[Path]) -> Path | None:
    holding = [source for source in sources if base.is_relative_to(source)]
    return max(holding, key=lambda source: len(source.parts), default=None)


def _source_roots(root: Path, config: PytestConfig) -> set[Path]:
    """Folders that are said to hold packages. The root itself only counts if it is said."""
    found = set(config.import_folders())
    found.update(_absolute(root, entry) for entry in _declared(read_toml(root / "pyproject.toml")[0]))
    if (root / "src").is_dir() and not (root / "src" / INIT).exists():
        found.add(root / "src")
    found.discard(root)
    return found


def _declared(tables: Mapping[str, object]) -> list[str]:
    """The source folders that setuptools, hatch, poetry, pdm and maturin name in pyproject.toml."""
    tool = subtable(tables, "tool")
    wheel = subtable(tool, "hatch", "build", "targets", "wheel")
    found = [os.path.dirname(entry) for entry in texts(wheel.get("packages"))]
    found += [key for key, value in as_table(wheel.get("sources")).items() if value == ""]
    found += texts(wheel.get("sources"))
    found += texts(subtable(tool, "setuptools", "packages", "find").get("where"))
    one = (
        subtable(tool, "setuptools", "package-dir").get(""),
        subtable(tool, "pdm", "build").get("package-dir"),
        subtable(tool, "maturin").get("python-source"),
        *(as_table(entry).get("from") for entry in as_list(subtable(tool, "poetry").get("packages"))),
    )
    return [*found, *(entry for entry in one if isinstance(entry, str))]


def _absolute(root: Path, entry: str) -> Path:
    return Path(os.path.normpath(root / entry))
