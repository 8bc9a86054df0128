"""Gathering a context from a small real project on disk, with jedi at work."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest

from flowmill.context.gather import gather
from flowmill.context.references import referred
from flowmill.context.shapes import Context, Files
from flowmill.shapes import Project, TestRef
from flowmill.source.functions import find
from flowmill.source.text import SourceFile

SHAPES = (
    '''\
"""Shapes."""

SCALE = 2


class Shape:
    """A flat shape.

    Nothing more.
    """

    sides: int = 0

    def __init__(self, name):
        self.name = name

    def area(self) -> float:
        """How much it covers."""
        raise NotImplementedError


def long_one(x):
    """Do much.

    Really much.
    """
'''
    + "\n".join(f"    x += {number}" for number in range(40))
    + "\n    return x\n"
)

MAIN = '''\
from __future__ import annotations

import math
from pkg.shapes import Shape, long_one
from pkg import shapes

LIMIT = 10
TABLE = {
    1: 2,
    3: 4,
    5: 6,
    7: 8,
    9: 10,
}


def total(items: list[Shape]) -> float:
    """The sum of all areas, at most `LIMIT`; see halve().

    >>> total([])
    0
    >>> x = total([])
    >>> x
    0

    And again:

    >>> for n in range(1):
    ...     print(n)
    0
    """
    found = long_one(math.pi) * shapes.SCALE
    return sum(item.area() for item in items)


def halve(x):
    """Half of it."""
    return x / 2


def report(items):
    return str(total(items))


class Box(Shape):
    """A box.

    More words.
    """

    colour = "red"

    def __init__(self, items):
        super().__init__("box")
        self.items = items

    def add(self, item):
        """Put one in."""
        self.items.append(item)

    def area(self):
        """All of it."""
        ...
'''

TESTS = """\
import pytest
from pkg.main import Box, total

CASES = [1, 2]


@pytest.fixture
def box():
    return Box([])


def make(n):
    return [n] * n


def test_indirect_but_short(thing):
    assert thing


@pytest.mark.parametrize("n", CASES)
def test_total(n):
    assert total(make(n)) == n * n


class TestBox:
    def setup_method(self):
        self.box = Box([])

    def test_area(self, box):
        assert box.area() == 0


class TestMore(TestBox):
    pass
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("FLOWMILL_CACHE_DIR", str(tmp_path / "cache"))
    root = tmp_path / "project"
    (root / "pkg").mkdir(parents=True)
    (root / "tests").mkdir()
    (root / "pkg" / "__init__.py").touch()
    (root / "pkg" / "shapes.py").write_text(SHAPES)
    (root / "pkg" / "main.py").write_text(MAIN)
    (root / "tests" / "test_main.py").write_text(TESTS)
    (root / "tests" / "conftest.py").write_text(
        "import pytest\n\n\n@pytest.fixture\ndef thing():\n    return 1\n"
    )
    return Project(root, Path(sys.executable), "--python")


def gathered(
    project: Project, qualname: str, *tests: str, overlay: dict[Path, bytes] | None = None
) -> Context:
    file = SourceFile.read(project.root / "pkg" / "main.py")
    refs = [TestRef(test) for test in tests]
    return gather(project, file, find(file, qualname), refs, overlay or {})


def definitions_of(project: Project, qualname: str, seconds: float) -> tuple[str, ...]:
    file = SourceFile.read(project.root / "pkg" / "main.py")
    return referred(project, file, find(file, qualname), Files({}), seconds=seconds)


def test_header_body_and_doctests_are_the_functions_own(project: Project) -> None:
    context = gathered(project, "total")

    assert context.header.startswith('def total(items: list[Shape]) -> float:\n    """The sum')
    assert context.header.endswith('0\n    """')
    assert context.body.startswith("found = long_one(math.pi)")
    assert gathered(project, "Box.area").body == ""


def test_the_module_is_told_in_short(project: Project) -> None:
    module = gathered(project, "total").module

    assert module.startswith("from __future__ import annotations\nimport math\n")
    assert "LIMIT = 10\nTABLE = {\n    1: 2,\n    3: 4,\n    ...  # and more" in module
    assert "def halve(x): ..." in module
    assert "class Box(Shape): ..." in module
    assert "def total" not in module


def test_a_long_test_is_cut_for_the_prompt_only(project: Project) -> None:
    calls = "".join(f"    assert main.halve({n}) == {n / 2}\n" for n in range(99))
    (project.root / "test_long.py").write_text(f"from pkg import main\ndef test_long():\n{calls}")
    (test,) = gathered(project, "halve", "test_long.py::test_long").tests
    assert "halve(98)" not in test.text
    assert test.whole.endswith("assert main.halve(98) == 49.0")


def test_a_sibling_without_a_body_keeps_its_docstring(project: Project) -> None:
    overlay = {
        project.root
        / "pkg"
        / "main.py": b'class A:\n    def f(self): ...\n    def g(self):\n        """Do g."""\n'
    }
    file = SourceFile.from_bytes(project.root / "pkg" / "main.py", *overlay.values())
    klass = gather(project, file, find(file, "A.f"), [], overlay).klass
    assert klass == 'class A:\n    def g(self):\n        """Do g."""'


def test_the_class_is_told_in_short(project: Project) -> None:
    assert gathered(project, "Box.area").klass == textwrap.dedent(
        '''\
        class Box(Shape):
            """A box."""
            colour = "red"
            def __init__(self, items):
                super().__init__("box")
                self.items = items
            def add(self, item):
                self.items.append(item)'''
    )
    assert gathered(project, "total").klass == ""


def test_definitions_come_from_annotations_body_and_docstring(project: Project) -> None:
    definitions = definitions_of(project, "total", seconds=60)

    assert definitions[0].startswith('class Shape:\n    """A flat shape.')
    assert "    def area(self) -> float:" in definitions[0]
    assert definitions[1] == 'def long_one(x):\n    """Do much.\n\n    Really much.\n    """\n    ...'
    assert "SCALE = 2" in definitions
    assert any(text.startswith("def halve(x):") and "return x / 2" in text for text in definitions)
    assert not any("pi" in text for text in definitions)


def test_definitions_in_an_open_buffer_are_read_there(project: Project) -> None:
    file = SourceFile.read(project.root / "pkg" / "main.py")
    buffer = {
        project.root / "pkg" / "shapes.py": (
            "# moved\n\n" + SHAPES.replace("SCALE = 2", "SCALE = 3")
        ).encode()
    }

    definitions = referred(project, file, find(file, "total"), Files(buffer), seconds=60)

    assert "SCALE = 3" in definitions


def test_what_takes_too_long_is_left_out(project: Project) -> None:
    assert definitions_of(project, "total", seconds=-1) == ()


def test_nothing_is_written_into_the_project(project: Project) -> None:
    before = sorted(project.root.rglob("*"))

    gathered(project, "total", "tests/test_main.py::test_total[1]")

    assert sorted(project.root.rglob("*")) == before


def test_tests_come_with_what_they_name_the_direct_ones_first(project: Project) -> None:
    tests = gathered(
        project,
        "total",
        "tests/test_main.py::test_indirect_but_short",
        "tests/test_main.py::test_total[1]",
        "tests/test_main.py::test_total[2::x]",
    ).tests

    assert [test.id for test in tests] == [
        "tests/test_main.py::test_total",
        "tests/test_main.py::test_indirect_but_short",
    ]
    assert tests[0].text == textwrap.dedent(
        """\
        CASES = [1, 2]

        def make(n):
            return [n] * n

        @pytest.mark.parametrize("n", CASES)
        def test_total(n):
            assert total(make(n)) == n * n"""
    )
    assert tests[1].text.startswith("@pytest.fixture\ndef thing():\n    return 1\n\n")


@pytest.mark.parametrize("name", ["TestBox", "TestMore"])
def test_a_test_in_a_class_comes_with_its_class_and_set_up(project: Project, name: str) -> None:
    (test,) = gathered(project, "Box.area", f"tests/test_main.py::{name}::test_area").tests

    assert test.text == textwrap.dedent(
        f"""\
        @pytest.fixture
        def box():
            return Box([])

        class {name}{"" if name == "TestBox" else "(TestBox)"}:
            def setup_method(self):
                self.box = Box([])

            def test_area(self, box):
                assert box.area() == 0"""
    )


def test_an_open_buffer_stands_in_for_the_disk(project: Project) -> None:
    path = project.root / "tests" / "test_main.py"
    buffer = b"def test_total():\n    assert total([]) == 'unsaved'\n"

    (test,) = gathered(project, "total", "tests/test_main.py::test_total", overlay={path: buffer}).tests

    assert "unsaved" in test.text


@pytest.mark.parametrize(
    "test_id",
    ["tests/gone.py::test_x", "tests/test_main.py::test_gone", "tests/test_main.py::No::test_x", "x", "x::"],
)
def test_a_test_that_cannot_be_found_is_left_out(project: Project, test_id: str) -> None:
    assert gathered(project, "total", test_id).tests == ()


def test_doctest_ids_bring_no_test_source(project: Project) -> None:
    file = SourceFile.read(project.root / "pkg" / "main.py")
    refs = [TestRef("pkg/main.py::pkg.main.total", "doctest")]

    assert gather(project, file, find(file, "total"), refs, {}).tests == ()


def test_callers_in_the_file_are_related(project: Project) -> None:
    assert gathered(project, "total").callers == ("def report(items):\n    return str(total(items))",)


def test_of_a_long_caller_the_lines_around_its_calls_are_shown(project: Project) -> None:
    body = "".join(f"    step({n})\n" for n in range(20))
    with (project.root / "pkg" / "main.py").open("a") as file:
        file.write(f"\n\ndef busy(items):\n{body}    if items:\n        total(items)\n{body}")
    assert gathered(project, "total").callers[1] == (
        "# in busy:\n...\nstep(18)\nstep(19)\nif items:\n    total(items)\nstep(0)\nstep(1)\nstep(2)"
    )


def test_what_users_mention_comes_first_in_the_module(project: Project) -> None:
    with (project.root / "pkg" / "main.py").open("a") as file:
        file.write("\n\ndef far(x): return x\ndef near(x): return x\ndef total_of(x): return x\n")
        file.write("def user(items):\n    return near(total(items))\n")
    module = gathered(project, "total").module
    assert module.index("def near") < module.index("def total_of") < module.index("def far")
    assert module.index("def total_of") < module.index("LIMIT = 10")


def test_a_broken_file_beside_it_breaks_nothing(project: Project) -> None:
    (project.root / "pkg" / "shapes.py").write_text("class Shape(:\n")
    (project.root / "tests" / "test_main.py").write_text("def test_total(:\n")

    context = gathered(project, "total", "tests/test_main.py::test_total")

    assert context.tests == ()
    assert context.header
