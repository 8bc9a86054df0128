"""Drafts in loaded code do what the same text does when it is imported."""

from __future__ import annotations

import importlib.machinery
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from doubles import swap_shapes
from doubles.swap_shapes import SHAPES, Shape, load, swapped
from flowmill.runner.child import swap as child
from flowmill.runner.child import watch
from flowmill.runner.program import program
from flowmill.runner.swap import Piece, Swap, plan
from flowmill.shapes import Target
from flowmill.source import SourceFile, find

INTERPRETERS = Path(os.environ.get("PYENV_ROOT", str(Path.home() / ".pyenv")), "versions")


def target(text: str, qualname: str) -> Target:
    path = Path("/project/module.py")
    line = f"@{text[: text.index('def f(')].count(chr(10)) + 1}" if text.count("def f(") > 1 else ""
    return find(SourceFile.from_bytes(path, text.encode()), qualname + line).target(path)


def planned(shape: Shape) -> Swap:
    if sys.version_info < shape.since:
        return by_hand(shape)
    swap = plan(shape.base, shape.edited, target(shape.base, shape.qualname))
    assert isinstance(swap, Swap), swap
    return swap


def by_hand(shape: Shape) -> Swap:
    """The swap of a shape that this Python cannot parse: from the `def` to the line that changes."""
    name = shape.qualname.rpartition(".")[2]
    start = shape.base[: shape.base.index(f"def {name}")].count("\n")
    end = shape.base[: shape.base.index(shape.old)].count("\n") + 1
    old, new = shape.base.split("\n"), shape.edited.split("\n")
    height, indented = len(old) - 1, old[start].startswith(" ")
    before, after = (
        "\n".join(lines) + "\n" for lines in (old[start:end], new[start : len(new) - len(old) + end])
    )
    piece = Piece(after, start + 1, height + 1 + indented)
    return Swap(Path("/project/module.py"), shape.qualname, start + 1, height, before, piece)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_a_swap_does_what_an_import_does(shape: Shape, tmp_path: Path) -> None:
    if sys.version_info < shape.since:
        pytest.skip(f"needs Python {shape.since[0]}.{shape.since[1]}")
    refused, told, fresh = swapped(shape, planned(shape).wire(), str(tmp_path), child, watch)
    assert refused == ""
    assert told == fresh


@pytest.mark.parametrize("minor", range(9, 15))
def test_it_does_so_on_every_python(minor: int, tmp_path: Path) -> None:
    found = sorted(INTERPRETERS.glob(f"3.{minor}.*/bin/python"))
    if not found:
        pytest.skip(f"no Python 3.{minor} in {INTERPRETERS}")
    shapes = [shape for shape in SHAPES if (3, minor) >= shape.since]
    order = {
        "program": str(program(tmp_path)),
        "folder": str(tmp_path / "modules"),
        "swaps": {shape.name: planned(shape).wire() for shape in shapes},
    }
    (tmp_path / "order.json").write_text(json.dumps(order))
    command = [str(found[-1]), "-B", "-W", "error", swap_shapes.__file__, str(tmp_path / "order.json")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    told: dict[str, Any] = json.loads(ended.stdout)
    assert len(told) == len(shapes) > 50
    assert {name: (refused, was) for name, (refused, was, _) in told.items()} == {
        name: ("", fresh) for name, (_, _, fresh) in told.items()
    }


def refusal(text: str, old: str, new: str, qualname: str, folder: Path) -> str:
    """What the child says to a swap in a module of this text."""
    shape = Shape("refused", qualname, text, old, new, "0")
    refused, _, _ = swapped(shape, planned(shape).wire(), str(folder), child, watch)
    return refused


IMPORTS = "import os\ndef f(x):\n    return 0\n"


@pytest.mark.parametrize(
    ("text", "old", "new", "qualname", "why"),
    [
        (
            "def outer(a, b):\n    def inner():\n        return a\n    return inner\nmade = outer(1, 2)\n",
            "return a",
            "return a, b",
            "outer.inner",
            "it uses b of the function around it, which the original does not",
        ),
        (
            "def outer(a):\n    def inner():\n        return a\n    return inner\nmade = outer(1)\ndel outer\n",
            "return a",
            "return [a]",
            "outer.inner",
            "the function around it is gone",
        ),
        (
            "def outer(a):\n    def inner():\n        return a\n    return inner\nmade = outer(1)\n",
            "return a",
            "a = 2\n        return a",
            "outer.inner",
            "it does not use the same variables of the code around it",
        ),
        (
            "class C:\n    def m(self):\n        return 0\n",
            "return 0",
            "return [super().m for _ in '1']",
            "C.m",
            "it uses super() in a way that needs the class to be made anew",
        ),
        (
            "class C:\n    @staticmethod\n    def m():\n        return 0\n",
            "return 0",
            "return super().m",
            "C.m",
            "it uses super() in a way that needs the class to be made anew",
        ),
        (
            "super = print\nclass C:\n    def m(self):\n        return 0\n",
            "return 0",
            "return super()",
            "C.m",
            "it uses super() or __class__, which the original does not",
        ),
        (
            "def make():\n    class C:\n        def m(self):\n            return 0\n    return C\nMade = make()\n",
            "return 0",
            "return super().m",
            "make.C.m",
            "it uses super() or __class__, which the original does not",
        ),
        (
            "class C:\n    def m(self):\n        return 0\nkept = C.m\nclass C: pass\n",
            "return 0",
            "return super().m",
            "C.m",
            "it uses super() or __class__, which the original does not",
        ),
        (
            "def f(x):\n    return 0\ndel f\n",
            "return 0",
            "return x",
            "f",
            "no loaded function has its code",
        ),
        (
            "import functools\n@functools.lru_cache()\ndef f(x):\n    return 0\nf(1)\n",
            "return 0",
            "return x",
            "f",
            "it ran before the tests did, and a cache remembers what it gave",
        ),
        (
            "def f(x):\n    return 0\nf.__code__ = f.__code__.replace(co_consts=(None, 5))\n",
            "return 0",
            "return x",
            "f",
            "what is loaded is not what its file says",
        ),
        (
            IMPORTS + "json = 1\n",
            "import os",
            "import os\nimport json",
            "f",
            "it imports json, which is something else in the module",
        ),
        (
            IMPORTS,
            "import os",
            "import os\nimport nowhere_at_all",
            "f",
            "'import nowhere_at_all' raised ModuleNotFoundError: No module named 'nowhere_at_all'",
        ),
        (
            IMPORTS,
            "import os",
            "import os\ndef helper(x=1 / 0):\n    pass",
            "f",
            "'def helper(x=1 / 0):' raised ZeroDivisionError: division by zero",
        ),
        (
            IMPORTS,
            "import os",
            "import os\nos = 2",
            "f",
            "it defines os, which the module has already",
        ),
        (
            IMPORTS,
            "import os",
            "import os\nexiting = exit(3)",
            "f",
            "'exiting = exit(3)' raised SystemExit: 3",
        ),
    ],
)
def test_it_is_refused_with_a_reason(
    text: str, old: str, new: str, qualname: str, why: str, tmp_path: Path
) -> None:
    assert refusal(text, old, new, qualname, tmp_path) == why


def test_a_file_imported_under_two_names_is_swapped_in_both(tmp_path: Path) -> None:
    text = "import os\ndef f(x):\n    return 0\n"
    new = "import os\nimport json\ndef f(x):\n    return json.dumps(x)\n"
    path = str(tmp_path / "twice.py")
    one, two = (load(f"flowmill_twice_{name}", path, text) for name in "ab")
    try:
        swap = plan(text, new, target(text, "f"))
        assert isinstance(swap, Swap)
        assert child.apply(swap.wire(), child.Index.build(path, "f", watch.find_spans(text, "f"))) == ""
        assert (one.f([1]), two.f([2])) == ("[1]", "[2]")
    finally:
        for name in "ab":
            sys.modules.pop(f"flowmill_twice_{name}")


def test_a_closure_made_before_and_one_made_after_are_the_drafts(tmp_path: Path) -> None:
    text = "def outer(a):\n    def inner():\n        return a\n    return inner\n"
    swap = plan(text, text.replace("return a", "return [a]"), target(text, "outer.inner"))
    assert isinstance(swap, Swap)
    path = str(tmp_path / "closures.py")
    module = load("flowmill_closures", path, text)
    try:
        before = module.outer(1)
        index = child.Index.build(path, "outer.inner", watch.find_spans(text, "outer.inner"))
        assert child.apply(swap.wire(), index) == ""
        assert (before(), module.outer(2)()) == ([1], [2])
    finally:
        sys.modules.pop("flowmill_closures")


def test_the_lines_below_the_base_are_python() -> None:
    text = "import os\n\nclass C:\n    def m(self):\n        return 0"
    new = text.replace("class C", "def helper():\n    pass\n\nclass C").replace(
        "return 0", "return helper()\n"
    )
    swap = plan(text, new, target(text, "C.m"))
    assert isinstance(swap, Swap)
    shown = child.lines(swap.wire(), text)
    assert shown.split("\n") == [
        *text.split("\n"),
        "def helper():",
        "    pass",
        "if True:",
        "    def m(self):",
        "        return helper()",
        "",
        "",
    ]
    assert child.span(swap.wire())[0] == 9
    compile(shown, "shown", "exec")


class Transforming(importlib.machinery.SourceFileLoader):
    """Loads as type checkers' import hooks do."""

    def source_to_code(self, *arguments: Any, **options: Any) -> Any:
        return super().source_to_code(*arguments, **options)


def test_a_module_of_an_import_hook_is_left_alone(tmp_path: Path) -> None:
    text = "def f(x):\n    return 0\n"
    path = str(tmp_path / "hooked.py")
    module = load("flowmill_hooked", path, text)
    try:
        module.__dict__["__loader__"] = Transforming("flowmill_hooked", path)
        index = child.Index.build(path, "f", watch.find_spans(text, "f"))
        assert index.problem == "its module is loaded by Transforming, which may change the code"
    finally:
        sys.modules.pop("flowmill_hooked")
