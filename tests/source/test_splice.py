"""A draft in a function's place: what changes, what must not, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowmill.shapes import Draft
from flowmill.source.functions import find, find_functions
from flowmill.source.splice import SpliceError, draft_of, splice, splice_noted
from flowmill.source.text import SourceFile


def file_of(text: str | bytes) -> SourceFile:
    return SourceFile.from_bytes(Path("module.py"), text.encode() if isinstance(text, str) else text)


def spliced(text: str, qualname: str, draft: Draft) -> str:
    file = file_of(text)
    return file.encoding and splice(file, find(file, qualname), draft).decode(file.encoding)


@pytest.mark.parametrize(
    ("before", "body", "after"),
    [
        ("def f():\n    ...\n", "return 1\n", "def f():\n    return 1\n"),
        ("def f():\n    ...\n", "return 1", "def f():\n    return 1\n"),
        ("def f():\n    ...", "return 1\n", "def f():\n    return 1"),
        ("def f():\r\n\t...\r\n", "if x:\n    y\nz\n", "def f():\r\n\tif x:\r\n\t\ty\r\n\tz\r\n"),
        ("def f():\n    ...\n", "if x:\n\ty\n", "def f():\n    if x:\n        y\n"),
        ("def f(): ...\n", "return 1\n", "def f():\n    return 1\n"),
        ("def f(): pass  # later\nx = 1\n", "return 1\n", "def f():\n    return 1\nx = 1\n"),
        ("def f(): 'doc'\n", "return 1\n", "def f():\n    'doc'\n    return 1\n"),
        ("def f(): 'doc'; pass\n", "return 1\n", "def f():\n    'doc'\n    return 1\n"),
        ("def f(): 'doc'  # c\n", "return 1\n", "def f():\n    'doc'  # c\n    return 1\n"),
        ("def f():\n    'doc'; pass\n", "return 1\n", "def f():\n    'doc'\n    return 1\n"),
        ("def f():\n    'doc'\n", "return 1\n", "def f():\n    'doc'\n    return 1\n"),
        ("def f():\n    'doc'", "return 1\n", "def f():\n    'doc'\n    return 1"),
        (
            "def f():\n    'doc'  # c\n\n\nx = 1\n",
            "return 1\n",
            "def f():\n    'doc'  # c\n    return 1\n\n\nx = 1\n",
        ),
        (
            "def f():\n    # c\n    'doc'\n\n    pass\n",
            "return 1\n",
            "def f():\n    # c\n    'doc'\n\n    return 1\n",
        ),
        ("if x:\n  def f(): ...\n", "return 1\n", "if x:\n  def f():\n    return 1\n"),
        ("def f():\n    pass\n", "x = '''\n  a\n\tb\n'''\n", "def f():\n    x = '''\n  a\n\tb\n'''\n"),
        ("def f():\n    pass\n", "x = f'''\n  {a}\n'''\n", "def f():\n    x = f'''\n  {a}\n'''\n"),
        ("def f():\n    pass\n", "x = (\n    1,\n\n)\n", "def f():\n    x = (\n        1,\n\n    )\n"),
        ("@d\ndef f():\n    a\n    # mine\n# not mine\n", "b\n", "@d\ndef f():\n    b\n# not mine\n"),
    ],
)
def test_a_body_replaces_the_body(before: str, body: str, after: str) -> None:
    assert spliced(before, "f", Draft(body)) == after


def test_lines_that_stay_keep_their_bytes() -> None:
    before = "def f():\n    a = (1,\n 2)\n    \n# left\n    b = 1\r\n    c = 2\n\n  # end\n"
    body = draft_of(find(file_of(before), "f")).body

    assert body == "a = (1,\n2)\n\n# left\nb = 1\nc = 2\n\n# end\n"
    assert spliced(before, "f", Draft(body.replace("c = 2", "c = 3"))) == before.replace("c = 2", "c = 3")
    assert spliced(before, "f", Draft("new = 0\n" + body)) == before.replace(
        "    a =", "    new = 0\n    a ="
    )


def test_a_kept_line_that_would_mean_something_else_is_written_anew() -> None:
    before = "def f(x):\n    g(\n  x,\n        )\n"

    assert spliced(before, "f", Draft("x,\n")) == "def f(x):\n    x,\n"


def test_a_string_that_looks_like_code_is_not_moved() -> None:
    before = "def f():\n    x = '''\n    y = 1\n    '''\n"
    body = "if a:\n    x = '''\n    y = 1\n    '''\n    y = 1\n"

    assert spliced(before, "f", Draft(body)) == (
        "def f():\n    if a:\n        x = '''\n    y = 1\n    '''\n        y = 1\n"
    )


def test_tabs_follow_the_blocks_even_if_these_are_uneven() -> None:
    body = "for x in y:\n  if x:\n      z = (\n          1)\n  # c\n  w\nv\n"

    after = spliced("def f(y):\n\tpass\n", "f", Draft(body))

    assert after.startswith("def f(y):\n\tfor x in y:\n\t\tif x:\n\t\t\tz = (\n")
    assert after.endswith("\n\t\t# c\n\t\tw\n\tv\n")


def test_an_encoding_that_lacks_a_letter_is_told() -> None:
    file = file_of("# coding: latin-1\ndef f():\n    return 'é'\n".encode("latin-1"))
    function = find(file, "f")

    assert splice(file, function, Draft("return 'ü'\n")).endswith(b"return '\xfc'\n")
    with pytest.raises(SpliceError, match=r"'€', which the file's iso-8859-1 cannot hold"):
        splice(file, function, Draft("return '€'\n"))


@pytest.mark.parametrize(
    "body",
    [
        "",
        "# nothing\n",
        "return (\n",
        "x = '''\n",
        "return 1 \\\n",
        "    return 1\n",
        "return 1\n  return 2\n",
        "await x\n",
        "nonlocal nothing\n",
        "from x import *\n",
        "break\n",
        "x = '\0'\n",
    ],
)
def test_a_draft_that_is_no_body_is_refused_in_one_line(body: str) -> None:
    with pytest.raises(SpliceError) as caught:
        spliced("def f():\n    pass\n\n\nx = '''\n'''\n", "f", Draft(body))

    assert "\n" not in str(caught.value)


def test_await_and_closures_are_judged_where_they_stand() -> None:
    before = "async def f():\n    n = 1\n    def g():\n        pass\n    return g\n"

    assert "await x" in spliced(before, "f", Draft("await x\n"))
    assert "nonlocal n" in spliced(before, "f.g", Draft("nonlocal n\nn += 1\n"))


MODULE = '''\
"""Doc."""
import os

X = 1


# About the class.
@deco
class C:
    def f(self):
        pass

    def g(self):
        pass


def h(): ...
'''


def test_helpers_go_before_the_statement_that_holds_the_function() -> None:
    draft = Draft("return _one()\n", helpers=("def _one():\n    return 1\n", "_TWO = 2\n"))

    assert spliced(MODULE, "C.f", draft) == MODULE.replace(
        "# About",
        "def _one():\n    return 1\n\n\n_TWO = 2\n\n\n# About",
    ).replace("pass", "return _one()", 1)


def test_a_helper_gets_two_blank_lines_and_never_precedes_the_encoding() -> None:
    before = "# coding: utf-8\ndef f():\n    pass\n"

    after = spliced(before, "f", Draft("return g()\n", helpers=("def g(): return 1",)))

    assert after == "# coding: utf-8\n\n\ndef g(): return 1\n\n\ndef f():\n    return g()\n"


def test_a_helper_that_is_there_already_is_not_added_again() -> None:
    assert spliced(MODULE, "C.f", Draft("pass\n", helpers=("def h():\n    ...\n",))) == MODULE


@pytest.mark.parametrize(
    "helper", ["def h(): return 2\n", "X = 2\n", "os = 1\n", "class C: pass\n", "1\n", "def (\n"]
)
def test_a_helper_that_would_replace_something_is_refused(helper: str) -> None:
    with pytest.raises(SpliceError):
        spliced(MODULE, "C.f", Draft("pass\n", helpers=(helper,)))


def test_methods_go_below_the_function_in_its_class() -> None:
    draft = Draft("return self._one()\n", methods=("def _one(self):\n    return 1\n",))

    assert spliced(MODULE, "C.f", draft) == MODULE.replace(
        "pass", "return self._one()\n\n    def _one(self):\n        return 1", 1
    )
    with pytest.raises(SpliceError, match="would replace a name of the class"):
        spliced(MODULE, "C.f", Draft("pass\n", methods=("def g(self): return 1\n",)))
    with pytest.raises(SpliceError, match="h is in no class"):
        spliced(MODULE, "h", Draft("pass\n", methods=("def g(self): return 1\n",)))


def test_imports_go_to_the_head_and_what_is_left_out_is_told() -> None:
    file = file_of(MODULE)
    draft = Draft("return sys.path\n", imports=("import sys", "import os", "from y import X"))

    done = splice_noted(file, find(file, "C.f"), draft)

    assert done.data.decode() == MODULE.replace("import os\n", "import os\nimport sys\n").replace(
        "pass", "return sys.path", 1
    )
    assert done.notes == ("from y import X: the module uses the name X for something else",)


def test_everything_at_once_in_a_crlf_file_without_a_final_newline() -> None:
    before = "class C:\r\n  def f(self): ..."
    draft = Draft("return g(1)\n", ("import os",), ("def g(x):\n    return x\n",), ("def h(self): pass\n",))

    assert spliced(before, "C.f", draft) == (
        "import os\r\n\r\n\r\n\r\ndef g(x):\r\n    return x\r\n\r\n\r\n".replace(
            "\r\n\r\n\r\n\r\n", "\r\n\r\n", 1
        )
        + "class C:\r\n  def f(self):\r\n    return g(1)\r\n\r\n  def h(self): pass"
    )


def test_setters_and_conditional_twins_are_told_apart() -> None:
    text = "class C:\n    @property\n    def x(self): return 1\n    @x.setter\n    def x(self, v): pass\n"
    after = spliced(text, "C.x.setter", Draft("self.v = v\n"))

    assert after == text.replace("def x(self, v): pass", "def x(self, v):\n        self.v = v")


@pytest.mark.parametrize(
    "text", [MODULE, "def f(): return 1; \n", "def f():\n\x0c    x = 1\n\x0c    if x:\n        y\n"]
)
def test_its_own_draft_changes_nothing(text: str) -> None:
    file = file_of(text)
    for function in find_functions(file):
        assert splice(file, function, draft_of(function)) == file.data
