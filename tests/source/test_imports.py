"""Imports join a module's head once, in the right place, and over nobody's name."""

from __future__ import annotations

import ast

import pytest

from flowmill.source.imports import merge_imports, module_names
from flowmill.source.layout import SpliceError


@pytest.mark.parametrize(
    ("before", "statements", "after"),
    [
        ("", ["import os"], "import os\n"),
        ("x = 1\n", ["import os"], "import os\n\nx = 1\n"),
        ("import os\n", ["import os"], "import os\n"),
        ("import os\n", ["import sys", "import sys"], "import os\nimport sys\n"),
        ("import os", ["import sys"], "import os\nimport sys"),
        ("import os\nx = 1\n", ["import sys"], "import os\nimport sys\n\nx = 1\n"),
        ("import os; x = 1\ny = 2\n", ["import sys"], "import os; x = 1\nimport sys\n\ny = 2\n"),
        ("import os  # c\n\nimport re\n", ["import sys"], "import os  # c\n\nimport re\nimport sys\n"),
        ("from x import a\n", ["from x import a, b"], "from x import a\nfrom x import b\n"),
        (
            "from x import (\n    a,\n)\n",
            ["from x import b"],
            "from x import (\n    a,\n)\nfrom x import b\n",
        ),
        ("import a\n", ["import a.b"], "import a\nimport a.b\n"),
        ("import a.b\n", ["import a"], "import a.b\n"),
        ("from . import a\n", ["from . import a", "from .. import b"], "from . import a\nfrom .. import b\n"),
        ('"""Doc."""\n', ["import os"], '"""Doc."""\n\nimport os\n'),
        ('"""Doc."""\nx = 1\n', ["import os"], '"""Doc."""\n\nimport os\n\nx = 1\n'),
        (
            "#!/bin/python\n# coding: utf-8\n\nx = 1\n",
            ["import os"],
            "#!/bin/python\n# coding: utf-8\n\nimport os\n\nx = 1\n",
        ),
        ("# coding: utf-8\nx = 1\n", ["import os"], "# coding: utf-8\n\nimport os\n\nx = 1\n"),
        ("try:\n    import a\nexcept ImportError:\n    a = None\n", ["import a"], None),
        (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a\n",
            ["import a"],
            "from typing import TYPE_CHECKING\nimport a\n\nif TYPE_CHECKING:\n    import a\n",
        ),
        (
            "import os\ndef f(): pass\nimport re\n",
            ["import sys"],
            "import os\nimport sys\n\ndef f(): pass\nimport re\n",
        ),
    ],
)
def test_imports_join_the_head(before: str, statements: list[str], after: str | None) -> None:
    assert merge_imports(before, statements, "\n").text == (before if after is None else after)


FUTURE = "from __future__ import annotations"


@pytest.mark.parametrize(
    ("before", "statements", "after"),
    [
        ("import os\n", [FUTURE], f"{FUTURE}\n\nimport os\n"),
        ("x = 1\n", ["import os", FUTURE], f"{FUTURE}\n\nimport os\n\nx = 1\n"),
        ('"""Doc."""\nimport os\n', ["import re", FUTURE], f'"""Doc."""\n\n{FUTURE}\nimport os\nimport re\n'),
        ('"""Doc."""\n', ["import re", FUTURE], f'"""Doc."""\n\n{FUTURE}\n\nimport re\n'),
        (f"{FUTURE}\n", ["import re"], f"{FUTURE}\n\nimport re\n"),
        (f"{FUTURE}\nimport os\n", [FUTURE, "import re"], f"{FUTURE}\nimport os\nimport re\n"),
        (
            f"{FUTURE}\n",
            ["from __future__ import division", "import re"],
            f"{FUTURE}\nfrom __future__ import division\n\nimport re\n",
        ),
        ("import os\nannotations = 1\n", [FUTURE], f"{FUTURE}\n\nimport os\nannotations = 1\n"),
    ],
)
def test_future_stays_first(before: str, statements: list[str], after: str) -> None:
    merged = merge_imports(before, statements, "\n").text

    assert merged == after
    compile(merged, "merged", "exec", dont_inherit=True)


@pytest.mark.parametrize(
    ("before", "statement"),
    [
        ("x = 1\n", "import x"),
        ("def x(): pass\n", "from y import x"),
        ("import x\n", "from y import x"),
        ("from y import x\n", "from z import x"),
        ("import numpy as x\n", "import x"),
        ("for x in y: pass\n", "import x"),
        ("if a:\n    class x: pass\n", "import x"),
        ("", "from x import *"),
    ],
)
def test_an_import_over_a_name_in_use_is_left_out_and_told(before: str, statement: str) -> None:
    merged = merge_imports(before, [statement], "\n")

    assert merged.text == before
    assert merged.added == ()
    assert len(merged.skipped) == 1
    assert merged.skipped[0].startswith(f"{statement}: ")


def test_the_newline_is_the_one_asked_for() -> None:
    assert merge_imports("import os\r\n", ["import re"], "\r\n").text == "import os\r\nimport re\r\n"


@pytest.mark.parametrize("statement", ["import", "x = 1", "import os; os.remove('x')"])
def test_what_is_no_import_is_refused(statement: str) -> None:
    with pytest.raises(SpliceError):
        merge_imports("", [statement], "\n")


def test_names_of_a_module() -> None:
    tree = ast.parse(
        "import a.b, c as d\nfrom e import f\nx, *y = 1, 2\nwith z as w: v: int = 1\n"
        "def g(p): q = 1\nclass H: r = 1\n[s for s in t]\ntry: pass\nexcept E as u: pass\n"
        "if TYPE_CHECKING:\n    import i\nelse:\n    j = 1\nmatch 1:\n    case [k, *l]: pass\n    case {**m}: pass\n"
    )

    assert module_names(tree) == {"a", "d", "f", "x", "y", "w", "v", "g", "H", "u", "j", "k", "l", "m"}
