"""Which drafts can be put into loaded code, and what is said of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowmill.runner.swap import Swap, plan, restore_lines
from flowmill.shapes import Draft, Target
from flowmill.source import SourceFile, find, splice

PATH = Path("/project/pkg/module.py")
BASE = '''"""A module."""

from __future__ import annotations

import os

LIMIT = 3


class C:
    """A class."""

    @property
    def x(self):
        return 1

    def m(self, a, b=LIMIT):
        """Doc."""
        return None

    def n(self):
        return self.m(1)


@cached
def f(a, b=LIMIT) -> int:
    return 0


def last():
    return f(1)
'''
OUTSIDE = "it changes code outside of the function"


def goal(qualname: str, base: str = BASE) -> Target:
    return find(SourceFile.from_bytes(PATH, base.encode()), qualname).target(PATH)


def edit(*changes: tuple[str, str], base: str = BASE) -> str:
    for old, new in changes:
        assert base.count(old) == 1, old
        base = base.replace(old, new)
    return base


def planned(qualname: str, *changes: tuple[str, str], base: str = BASE) -> Swap:
    swap = plan(base, edit(*changes, base=base), goal(qualname, base))
    assert isinstance(swap, Swap), swap
    return swap


@pytest.mark.parametrize(
    ("qualname", "changes", "why"),
    [
        ("f", [("return 0", "return 1"), ("return f(1)", "return f(2)")], OUTSIDE),
        ("f", [("return 0", "return 1"), ("LIMIT = 3", "LIMIT = 4")], OUTSIDE),
        ("f", [("return 0", "return 1"), ("LIMIT = 3\n", "")], OUTSIDE),
        ("f", [("import os", "import os\nos.mkdir('x')")], OUTSIDE),
        ("f", [("import os", "import os\nfrom sys import *")], "it adds a star import"),
        (
            "f",
            [("annotations\n", "annotations\nfrom __future__ import division\n")],
            "it adds a __future__ import",
        ),
        ("f", [('"""A module."""', 'import sys\n"""A module."""')], OUTSIDE),
        ("f", [("    return 1\n\n    def m", "    return 2\n\n    def m")], OUTSIDE),
        ("f", [("return 0", "return 1\n\n\ndef other(): pass")], "it adds code below the function"),
        ("f", [("return 0", "return 1\n\n\nf = 2")], OUTSIDE),
        ("f", [("def f(", "def g(")], "its name differs: g instead of f"),
        ("f", [("def f(", "async def f(")], "one is a def, the other an async def"),
        ("f", [("def f(a", "def f(c")], "its signature differs"),
        ("f", [("def f(a, b=LIMIT)", "def f(a, b=4)")], "its signature differs"),
        ("f", [("-> int", "-> str")], "its signature differs"),
        ("f", [("@cached\n", "")], "its decorators differ"),
        ("f", [("@cached\n", "@cached\n@cached\n")], "its decorators differ"),
        ("f", [("return 0", "yield 0")], "it becomes a generator, which @cached may have asked about"),
        (
            "f",
            [("return 0", '"New."\n    return 0')],
            "its docstring differs, which its decorators may have copied",
        ),
        (
            "C.m",
            [('"""Doc."""', '"""\n        >>> 1\n        """')],
            "the examples in its docstring may differ",
        ),
        (
            "C.m",
            [("return None", "return 1\n\n    def k(self): pass")],
            "it adds code beside the function, such as a method",
        ),
        (
            "C.m",
            [("return None", "return 1\n\n    k = 2")],
            "it adds code beside the function, such as a method",
        ),
        ("C.m", [("return None", "return (")], "with it the function is not Python"),
        ("C.m", [("return None", "return 1\n\nelse:\n    pass")], "with it the function is not Python"),
        ("C.m", [("return None", "return 1\nk = 2")], "with it the function is not Python"),
        (
            "f",
            [("@cached", "TABLE = {1: last}\n\n@cached")],
            "its helper uses last, which the module defines further down",
        ),
    ],
)
def test_what_cannot_be_swapped_is_told_why(qualname: str, changes: list[tuple[str, str]], why: str) -> None:
    assert plan(BASE, edit(*changes), goal(qualname)) == why


@pytest.mark.parametrize(
    ("decorator", "compiles"),
    [
        ("numba.njit", True),
        ("nb.jit(nopython=True)", True),
        ("njit(cache=True)", True),
        ("guvectorize(['x'], '()')", True),
        ("jax.jit", True),
        ("partial(jax.jit, static_argnums=0)", True),
        ("functools.partial(jit)", True),
        ("torch.compile", True),
        ("torch.jit.script", True),
        ("triton.jit", True),
        ("ti.kernel", True),
        ("tf.function", True),
        ("cython.cfunc", True),
        ("torch.no_grad()", False),
        ("np.vectorize", False),
        ("functools.lru_cache(maxsize=2)", False),
        ("app.route('/jit')", False),
    ],
)
def test_what_a_compiler_made_cannot_be_swapped(decorator: str, compiles: bool) -> None:
    base = f"@{decorator}\ndef f(x):\n    return 0\n"
    told = plan(base, base.replace("return 0", "return x"), goal("f", base))
    assert isinstance(told, str) == compiles
    if isinstance(told, str):
        assert told.endswith(" compiles the function")


def test_only_the_function_differs() -> None:
    swap = planned("C.m", ("return None", "if a:\n            return b"))
    assert swap.qualname == "C.m"
    assert (swap.start, swap.lines) == (17, 31)
    assert swap.before == '    def m(self, a, b=LIMIT):\n        """Doc."""\n        return None\n'
    assert swap.function.text == swap.before.replace("return None", "if a:\n            return b")
    assert (swap.function.line, swap.function.at) == (17, 33)
    assert (swap.imports, swap.helpers) == ((), ())


def test_the_same_text_is_a_swap_too() -> None:
    assert planned("f").function.text == "@cached\ndef f(a, b=LIMIT) -> int:\n    return 0\n"


def test_imports_and_helpers_come_along() -> None:
    head = ("import os", "import os\nfrom math import (\n    pi,\n    tau as t,\n)\nimport a.b; import c")
    helpers = (
        "@cached\ndef f",
        "TWO = 2; THREE = 3\n\n\n@wrap\ndef _help(x):\n    return x\n\n\n@cached\ndef f",
    )
    swap = planned("f", head, helpers, ("return 0", "return _help(pi)"))
    assert swap.imports == ("from math import pi, tau as t", "import a.b", "import c")
    assert [helper.text for helper in swap.helpers] == [
        "TWO = 2; THREE = 3\n",
        "@wrap\ndef _help(x):\n    return x\n",
    ]
    assert [helper.at for helper in swap.helpers] == [32, 33]
    assert (swap.function.line, swap.function.at) == (38, 36)
    assert swap.wire()["function"] == {"text": swap.function.text, "at": 36}


def test_an_accessor_goes_by_its_functions_name() -> None:
    base = "class C:\n    @property\n    def x(self): return 1\n    @x.setter\n    def x(self, value): pass\n"
    assert planned("C.x.setter", ("pass", "return"), base=base).qualname == "C.x"
    assert planned("C.x", ("return 1", "return 2"), base=base).qualname == "C.x"


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("qualname", ["C.m", "f"])
def test_what_the_splicer_makes_is_a_swap(newline: str, qualname: str) -> None:
    base = BASE.replace("\n", newline)
    file = SourceFile.from_bytes(PATH, base.encode())
    draft = Draft(
        body="return json.dumps(_help(a))\n",
        imports=("import json", "import os"),
        helpers=("def _help(x):\n    return [x]\n", "WORDS = {'a', 'b'}"),
    )
    new = splice(file, find(file, qualname), draft).decode()
    swap = plan(base, new, goal(qualname, base))
    assert isinstance(swap, Swap)
    assert swap.imports == ("import json",)
    assert [helper.text.split()[0] for helper in swap.helpers] == ["def", "WORDS"]
    assert "\r" not in swap.function.text
    assert new.replace(newline, "\n").split("\n")[swap.function.line - 1] == swap.function.text.split("\n")[0]


def test_a_helper_with_the_text_of_a_statement_above_is_not_taken_for_it() -> None:
    base = "import a\n\nX = [\n    1,\n]\n\ndef f():\n    pass\n"
    assert planned("f", ("import a", "import b\nimport a"), base=base).imports == ("import b",)
    told = plan(base, base.replace("X = [", 'Y = """\nX = [').replace("def f", '"""\ndef f'), goal("f", base))
    assert told == OUTSIDE


def test_lines_of_a_traceback_are_those_of_the_new_text() -> None:
    helpers = ("@cached\ndef f", "def _help(x):\n    return x\n\n\n@cached\ndef f")
    swap = planned("f", ("import os", "import os\nimport sys"), helpers, ("return 0", "a = 1\n    return 0"))
    shown = (
        "pkg/module.py:30: in last\n    return f(1)\n../project/pkg/module.py:36: in f\n"
        "/project/pkg/module.py:33: in _help\n"
        'File "/project/pkg/module.py", line 7, in <module>\n'
        "pkg/module.py:5: old\npkg/othermodule.py:36: x\nlib/module.py:36: y\nmodule.py:99\nmodule.pyx:36\n"
    )
    assert restore_lines(swap, shown) == (
        "pkg/module.py:36: in last\n    return f(1)\n../project/pkg/module.py:32: in f\n"
        "/project/pkg/module.py:27: in _help\n"
        'File "/project/pkg/module.py", line 8, in <module>\n'
        "pkg/module.py:5: old\npkg/othermodule.py:36: x\nlib/module.py:36: y\nmodule.py:99\nmodule.pyx:36\n"
    )


def test_only_the_function_is_parsed_if_only_its_lines_differ() -> None:
    base = BASE.replace("LIMIT = 3", "LIMIT = = 3")
    assert isinstance(plan(base, base.replace("return None", "return a"), goal("C.m")), Swap)
    above = base.replace("return None", "return a").replace("import os", "import os\nimport sys")
    assert plan(base, above, goal("C.m")) == "the file is not Python"


@pytest.mark.parametrize(("start", "end"), [(17, 18), (16, 19), (0, 3), (90, 99), (30, 40)])
def test_a_function_that_is_elsewhere(start: int, end: int) -> None:
    told = plan(BASE, BASE.replace("return None", "return a"), Target(PATH, "C.m", start, end))
    assert isinstance(told, str)
