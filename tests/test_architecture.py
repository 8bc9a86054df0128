"""What the README says of the structure, held against the imports."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import flowmill

ROOT = Path(flowmill.__file__).parent
CHILD = ROOT / "runner" / "child"
VOCABULARY = {"shapes.py": set[str](), "errors.py": set[str](), "events.py": {"flowmill.shapes"}}


def imports(path: Path) -> set[str]:
    """Every module that a file imports, those of `from x import y` as `x`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # The child is packed under another name, so its own imports are relative.
            assert (node.level == 1) == (path.parent == CHILD and node.level > 0), (
                f"{path} imports relatively"
            )
            found.add("" if node.level else node.module or "")
    return found


def importers(*modules: str) -> set[str]:
    """The files of the engine that import any of these packages."""
    files = {str(path.relative_to(ROOT)): imports(path) for path in ROOT.rglob("*.py")}
    return {name for name, used in files.items() if any(u.split(".")[0] in modules for u in used)}


def test_the_engine_knows_no_editor() -> None:
    assert importers("pygls", "lsprotocol", "flowmill_server") == set()


def test_the_vocabulary_imports_nothing_else_of_ours() -> None:
    for name, allowed in VOCABULARY.items():
        ours = {module for module in imports(ROOT / name) if module.startswith("flowmill")}
        assert ours <= allowed, name


def test_the_childs_program_needs_only_the_standard_library_and_pytest() -> None:
    used = {module.split(".")[0] for path in CHILD.glob("*.py") for module in imports(path) if module}
    assert used - set(sys.stdlib_module_names) - {"__future__"} <= {"pytest", "_pytest"}


def test_one_package_talks_to_models() -> None:
    assert {name.split("/")[0] for name in importers("openai", "httpx", "httpx2", "xllamacpp")} <= {"model"}


def test_the_terminal_is_known_to_the_command_line_only() -> None:
    assert {name.split("/")[0] for name in importers("rich", "argparse")} <= {"cli", "report"}


def test_the_engine_does_not_know_who_uses_it() -> None:
    inner = ("engine", "strategies", "source", "context", "project", "runner", "model")
    for path in (p for folder in inner for p in (ROOT / folder).rglob("*.py")):
        outer = {
            m for m in imports(path) if m.startswith(("flowmill.cli", "flowmill.report", "flowmill.journal"))
        }
        assert not outer, path
