from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from doubles.trees import write_tree
from flowmill.errors import UsageError
from flowmill.project import selection
from flowmill.project.selection import Selection, select

MODULE = """
    class Stack:
        def __init__(self): self.items = []
        def push(self, item): self.items.append(item)
        @property
        def top(self): return self.items[-1]
        @staticmethod
        def of(*items): return Stack()

    class Deep(Stack):
        pass

    def chunked(items, n):
        def cut(start): return items[start:]
        return cut(0)

    def _inner(x): return x
    def _middle(x): return _inner(x)
    def outer(x): return _middle(x)
    def caller(x): return chunked(x, 2)
"""
PACKAGE = {
    ".git/": "",
    "src/pkg/__init__.py": "from pkg.mod import chunked\n",
    "src/pkg/mod.py": MODULE,
    "src/pkg/far.py": "from .mod import chunked\ndef distant(x): return chunked(x, 1)\n",
}


def project(root: Path, tests: dict[str, str], **more: str) -> Path:
    return write_tree(root, {**PACKAGE, **tests, **more})


def pick(root: Path, qualname: str = "chunked", given: Iterable[str] = ()) -> Selection:
    return select(root, root / "src/pkg/mod.py", qualname, tuple(given), {}, cwd=root)


def first(root: Path, qualname: str = "chunked") -> list[str]:
    tier = pick(root, qualname).tiers[0]
    return [name.partition("::")[2] for name in tier.keep]


@pytest.mark.parametrize(
    "source",
    [
        "from pkg.mod import chunked\ndef test_it(): assert chunked([1], 1)\n",
        "from pkg import chunked\ndef test_it(): assert chunked([1], 1)\n",
        "from pkg.mod import chunked as ch\ndef test_it(): assert ch([1], 1)\n",
        "import pkg.mod\ndef test_it(): assert pkg.mod.chunked([1], 1)\n",
        "import pkg.mod as m\ndef test_it(): assert m.chunked([1], 1)\n",
        "from pkg import mod\ndef test_it(): assert mod.chunked([1], 1)\n",
        "from pkg.mod import *\ndef test_it(): assert chunked([1], 1)\n",
        "def test_it():\n    from pkg.mod import chunked\n    assert chunked([1], 1)\n",
        "from pkg.mod import chunked\nCASES = [chunked]\ndef test_it(): assert CASES\n",
        "from pkg.mod import chunked\ndef run(x): return chunked(x, 2)\ndef test_it(): assert run([1])\n",
        "import pytest\nfrom pkg.mod import chunked\n@pytest.mark.parametrize('f', [chunked])\ndef test_it(f): f()\n",
        "import pytest\nfrom pkg.mod import chunked\n@pytest.fixture\ndef cut(): return chunked\n"
        "def test_it(cut): assert cut\n",
        "import pytest\nfrom pkg.mod import chunked\n@pytest.fixture\ndef cut(): return chunked\n"
        "@pytest.mark.usefixtures('cut')\ndef test_it(): pass\n",
        "if True:\n    from pkg.mod import chunked\n    async def test_it(): assert chunked([1], 1)\n",
        "from pkg.mod import chunked\nbad = '\\d'\ndef test_it(): assert chunked([1], 1)\n",
    ],
)
def test_a_test_that_names_the_function(tmp_path: Path, source: str) -> None:
    other = "def test_other(): from_other = 1\n"
    root = project(tmp_path, {"tests/test_mod.py": source + other})
    chosen = pick(root)
    assert chosen.how == "static"
    assert chosen.tiers[0].keep == ("tests/test_mod.py::test_it",)
    assert chosen.tiers[0].files == ("tests/test_mod.py",)
    assert chosen.tiers[-1].how == "all"
    assert (chosen.tiers[-1].files, chosen.tiers[-1].keep) == (None, ())


CLASSES = """
    import unittest
    from pkg.mod import Stack, Deep, chunked
    from elsewhere import SharedTests

    class TestSetup:
        def setup_method(self): self.stack = Stack()
        def test_push(self): self.stack.push(1)
        def test_nothing(self): pass
        class TestNested:
            def test_top(self): assert Stack().top

    class Loose(unittest.TestCase):
        def check(self): chunked([1], 2)
        def test_by_helper(self): self.check()
        def test_plain(self): pass

    class TestChild(TestSetup):
        pass

    class TestForeign(SharedTests):
        make = staticmethod(chunked)

    class NotATest:
        def test_never(self): chunked([1], 2)

    def test_deep(): Deep().push(2)
"""


@pytest.mark.parametrize(
    ("qualname", "ids"),
    [
        ("Stack.push", ["test_deep", "TestChild::test_push", "TestSetup::test_push"]),
        ("Stack.top", ["TestSetup::TestNested::test_top"]),
        ("Stack.__init__", [
            "test_deep", "TestSetup::TestNested::test_top", "TestChild::test_nothing", "TestChild::test_push",
            "TestSetup::test_nothing", "TestSetup::test_push",
        ]),
        ("chunked", ["TestForeign", "Loose::test_by_helper"]),
        ("chunked.cut", ["TestForeign", "Loose::test_by_helper"]),
    ],
)  # fmt: skip
def test_methods_and_test_classes(tmp_path: Path, qualname: str, ids: list[str]) -> None:
    root = project(tmp_path, {"tests/test_mod.py": CLASSES})
    assert sorted(first(root, qualname)) == sorted(ids)


def test_fixtures_of_a_conftest_are_followed(tmp_path: Path) -> None:
    conftest = "import pytest\nfrom pkg.mod import Stack\n@pytest.fixture\ndef stack(): return Stack()\n"
    root = project(tmp_path, {
        "tests/conftest.py": conftest,
        "tests/unit/test_a.py": "def test_push(stack): stack.push(1)\ndef test_no(stack): pass\n",
        "tests/unit/test_b.py": "def test_other(): pass\n",
    })  # fmt: skip
    assert first(root, "Stack.push") == ["test_push"]
    assert "unit/test_b" not in str(pick(root, "Stack.push").tiers[0])


def test_callers_come_second_and_their_callers_if_nothing_else_does(tmp_path: Path) -> None:
    tests = """
        from pkg.mod import caller, chunked, outer
        from pkg.far import distant
        def test_chunked(): chunked([], 1)
        def test_caller(): caller([])
        def test_distant(): distant([])
        def test_outer(): outer(1)
    """
    root = project(tmp_path, {"tests/test_mod.py": tests})
    tiers = pick(root).tiers
    assert tiers[0].keep == ("tests/test_mod.py::test_chunked",)
    assert tiers[1].keep == ("tests/test_mod.py::test_caller", "tests/test_mod.py::test_distant")
    assert (tiers[2].files, tiers[2].keep) == (("tests/test_mod.py",), ())
    assert first(root, "_inner") == ["test_outer"]


def test_something_called_the_same_comes_after(tmp_path: Path) -> None:
    tests = "from pkg import other\nimport pkg\ndef test_other(thing): thing.chunked(); other.chunked()\n"
    tiers = pick(project(tmp_path, {"tests/test_other.py": tests})).tiers
    assert tiers[0].why == "they name something called the same"


def test_a_function_that_no_test_names_leaves_files_and_all(tmp_path: Path) -> None:
    root = project(tmp_path, {
        "tests/test_imports.py": "import pkg.mod\ndef test_x(): pass\n",
        "tests/test_mod.py": "def test_y(): pass\n",
        "tests/test_far.py": "def test_z(): pass\n",
    })  # fmt: skip
    chosen = pick(root, "outer")
    assert [tier.how for tier in chosen.tiers] == ["static", "all"]
    assert set(chosen.tiers[0].files or ()) == {"tests/test_imports.py", "tests/test_mod.py"}


def test_no_tests_at_all_leaves_everything(tmp_path: Path) -> None:
    chosen = pick(project(tmp_path, {}))
    assert (chosen.how, len(chosen.tiers)) == ("all", 1)


def test_the_direct_and_shortest_test_comes_first(tmp_path: Path) -> None:
    tests = """
        from pkg.mod import chunked
        def helper(): return chunked
        def test_b():
            x = 1
            chunked(x, 1)
        def test_chunked_long():
            x = 1
            chunked(x, 1)
        def test_chunked(): chunked([], 1)
        def test_through(): helper()
    """
    ids = first(project(tmp_path, {"tests/test_mod.py": tests}))
    assert ids == ["test_chunked", "test_chunked_long", "test_b", "test_through"]


def test_the_projects_own_names_for_tests(tmp_path: Path) -> None:
    root = project(tmp_path, {
        "pytest.ini": "[pytest]\npython_files = check_*.py\npython_functions = check\npython_classes = Suite\n",
        "checks/check_mod.py": "from pkg.mod import chunked\ndef check_it(): chunked\ndef test_no(): chunked\n"
        "class SuiteA:\n    def check_b(self): chunked\n",
        "tests/test_mod.py": "from pkg.mod import chunked\ndef test_it(): chunked\n",
    })  # fmt: skip
    assert sorted(first(root)) == ["SuiteA::check_b", "check_it"]


def test_buffers_stand_in_for_files(tmp_path: Path) -> None:
    root = project(tmp_path, {"tests/test_mod.py": "def test_old(): pass\n"})
    overlay = {
        root / "tests/test_mod.py": b"from pkg.mod import fresh\ndef test_fresh(): fresh()\n",
        root / "src/pkg/mod.py": b"def fresh(): ...\n",
    }
    chosen = select(root, root / "src/pkg/mod.py", "fresh", (), overlay)
    assert chosen.tiers[0].keep == ("tests/test_mod.py::test_fresh",)


@pytest.mark.parametrize(
    "broken", ["tests/test_mod.py", "src/pkg/mod.py", "tests/conftest.py", "src/pkg/far.py"]
)
def test_a_syntax_error_anywhere_ends_nothing(tmp_path: Path, broken: str) -> None:
    root = project(tmp_path, {"tests/test_mod.py": "from pkg.mod import chunked\ndef test_it(): chunked\n"})
    write_tree(root, {broken: "from pkg.mod import chunked\ndef broken(:\n"})
    assert pick(root).tiers[0].files == ("tests/test_mod.py",)
    pick(root, "Stack.push")


@pytest.mark.parametrize(
    ("given", "files", "keep"),
    [
        (["tests/test_mod.py"], ("tests/test_mod.py",), ()),
        (["tests"], ("tests",), ()),
        (
            ["tests/test_mod.py::TestA::test_b[x-1]"],
            ("tests/test_mod.py",),
            ("tests/test_mod.py::TestA::test_b[x-1]",),
        ),
        (
            ["tests/test_mod.py::test_a[a::b]", "tests"],
            ("tests/test_mod.py", "tests"),
            ("tests/test_mod.py::test_a[a::b]", "tests/test_mod.py", "tests/test_two.py"),
        ),
    ],
)
def test_given_tests_are_taken_as_they_are(
    tmp_path: Path, given: list[str], files: tuple[str, ...], keep: tuple[str, ...]
) -> None:
    root = project(tmp_path, {"tests/test_mod.py": "", "tests/test_two.py": ""})
    chosen = pick(root, given=given)
    assert (chosen.how, len(chosen.tiers)) == ("given", 1)
    assert (chosen.tiers[0].files, chosen.tiers[0].keep) == (files, keep)


def test_given_tests_may_be_relative_to_the_current_folder(tmp_path: Path) -> None:
    root = project(tmp_path, {"tests/test_mod.py": ""})
    chosen = select(root, root / "src/pkg/mod.py", "chunked", ["test_mod.py::test_a"], cwd=root / "tests")
    assert chosen.tiers[0].keep == ("tests/test_mod.py::test_a",)


@pytest.mark.parametrize(
    ("given", "said"),
    [("tests/nope.py::test_a", "no such test file: tests/nope.py"), ("../x.py", "outside the project")],
)
def test_given_tests_that_cannot_be_are_named(tmp_path: Path, given: str, said: str) -> None:
    write_tree(tmp_path, {"x.py": ""})
    root = project(tmp_path / "root", {})
    with pytest.raises(UsageError, match=said):
        pick(root, given=[given])


def test_tests_known_to_execute_it_come_before_everything(tmp_path: Path) -> None:
    root = project(tmp_path, {})
    chosen = select(root, root / "src/pkg/mod.py", "chunked", mapped=["tests/test_x.py::test_a"])
    assert (chosen.how, chosen.tiers[0].files) == ("coverage", ("tests/test_x.py",))


def test_too_many_tests_are_cut_and_said(tmp_path: Path) -> None:
    many = "from pkg.mod import chunked\n" + "".join(
        f"def test_{n}(): chunked([], {n})\n" for n in range(400)
    )
    chosen = pick(project(tmp_path, {"tests/test_mod.py": many}))
    assert len(chosen.tiers[0].keep) == selection.MOST_TESTS
    assert "100 more tests" in chosen.note


def test_ten_thousand_tests_are_searched_quickly(tmp_path: Path) -> None:
    body = "".join(f"def test_{n}():\n    value = [{n}]\n    assert value == [{n}]\n" for n in range(100))
    files = {f"tests/sub{n % 10}/test_{n}.py": f"from pkg.mod import caller\n{body}" for n in range(100)}
    named = "from pkg.mod import chunked\ndef test_it(): chunked([], 1)\n"
    root = project(tmp_path, {**files, "tests/test_mod.py": named})
    started = time.process_time()
    assert first(root) == ["test_it"]
    assert time.process_time() - started < 5.0
