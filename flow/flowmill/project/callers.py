"""Who calls a function: tests may reach it only through them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from flowmill.project.modules import module_name
from flowmill.project.pytest_config import PytestConfig, is_environment
from flowmill.project.references import Imports, Refs, read_imports, read_refs, walk
from flowmill.project.source import Sources
from flowmill.project.testfile import parse
from flowmill.project.wanted import Fit, Wanted, definitions, wanted_for

MOST = 24
FILES = 400
SKIPPED = frozenset({"node_modules", "__pycache__", "site-packages", "build", "dist"})


def callers_in_module(tree: ast.Module, wanted: Wanted, known: Iterable[Wanted] = ()) -> list[Wanted]:
    """The other functions, methods and data of the target's own module that name it."""
    found = read_imports(tree, wanted.module)
    imports = Imports(found.aliases, found.modules, (*found.stars, wanted.module))
    have = {wanted, *known}
    made = dict.fromkeys(_naming(tree, imports, wanted))
    return [caller for caller in made if caller not in have][:MOST]


def callers_in_package(
    root: Path, file: Path, wanted: Wanted, sources: Sources, config: PytestConfig
) -> list[Wanted]:
    """Functions of the package's other modules that name it through an import."""
    found: list[Wanted] = []
    if not wanted.name:
        return found  # whoever makes or compares an object would be a caller: too many to mean anything
    spelled = re.compile(
        rb"\b(?:%s)\b" % b"|".join(re.escape(word.encode()) for word in sorted(wanted.spelled))
    )
    for path in islice(python_files(_package(root, file, wanted.module)), FILES):
        if path == file or config.is_test_file(path):
            continue
        source = sources.read(path)
        tree = parse(source) if spelled.search(source) else None
        if tree is None:
            continue
        module, _ = module_name(root, path, sources.overlay, config)
        imports = read_imports(tree, module, is_package=path.name == "__init__.py")
        found.extend(caller for caller in _naming(tree, imports, wanted, module) if caller not in found)
        if len(found) >= MOST:
            break
    return found[:MOST]


def _naming(tree: ast.Module, imports: Imports, wanted: Wanted, module: str = "") -> Iterator[Wanted]:
    module = module or wanted.module
    for qualname, node in _functions(tree, ""):
        refs = read_refs([node], imports)
        if _calls(refs, wanted, inside=module == wanted.module):
            yield wanted_for(module, tree, qualname)
    for node in tree.body:
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and _calls(
            read_refs([node], imports), wanted, inside=False
        ):
            names = (
                leaf.id
                for leaf in walk(node)
                if isinstance(leaf, ast.Name) and isinstance(leaf.ctx, ast.Store)
            )
            yield from (Wanted(module, name) for name in names)


def _calls(refs: Refs, wanted: Wanted, *, inside: bool) -> bool:
    if wanted.fit(refs) is Fit.STRONG:
        return True
    # `self.method()` names no class, but within the method's own module it can hardly mean another.
    return inside and bool(wanted.owners) and wanted.name in refs.attributes


def _functions(scope: ast.AST, above: str) -> Iterator[tuple[str, ast.AST]]:
    for node in definitions(scope):
        if isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{above}{node.name}.")
        else:
            yield f"{above}{node.name}", node


def _package(root: Path, file: Path, module: str) -> Path:
    """The folder of the module's outermost package, the root at most."""
    depth = module.count(".") if file.name != "__init__.py" else module.count(".") + 1
    return file.parents[max(depth - 1, 0)] if depth else root


def python_files(folder: Path) -> Iterator[Path]:
    """The `.py` files below a folder, the upper ones first; nothing that is hidden, installed or built."""
    pending, seen = [folder], {folder.resolve()}
    while pending:
        for path in _listed(pending.pop(0)):
            if path.is_dir():
                real = path.resolve() if path.is_symlink() else path
                if not _is_skipped(path) and real not in seen:
                    seen.add(real)
                    pending.append(path)
            elif path.suffix == ".py":
                yield path


def _is_skipped(folder: Path) -> bool:
    return folder.name.startswith(".") or folder.name in SKIPPED or is_environment(folder)


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []  # not readable, so not importable by the tests either
