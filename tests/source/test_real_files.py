"""Over real packages: a function spliced onto itself changes nothing, another body nothing but the body."""

from __future__ import annotations

import ast
import random
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import pytest

from flowmill.errors import TargetError
from flowmill.shapes import Draft
from flowmill.source.functions import Function, find_functions
from flowmill.source.splice import SpliceError, draft_of, splice
from flowmill.source.text import SourceFile

STDLIB = Path(sysconfig.get_path("stdlib"))
PACKAGES = Path(sysconfig.get_path("purelib"))
FOLDERS = [
    STDLIB,
    *(PACKAGES / name for name in ("jedi", "parso", "rich", "pygments", "openai", "cryptography")),
]
SAMPLE = 90
FUNCTIONS_A_FILE = 25


def _files() -> list[Path]:
    """A sample that is the same on every run, with all small files that declare an encoding."""
    paths = [path for folder in FOLDERS for path in sorted(folder.rglob("*.py"))]
    picked = random.Random(20).sample(paths, min(SAMPLE, len(paths)))
    declared = sorted((STDLIB / "test" / "encoded_modules").glob("*.py"))
    return [*picked, *declared]


def _functions(path: Path) -> Iterator[tuple[SourceFile, Function]]:
    try:
        file = SourceFile.read(path)
        functions = find_functions(file)
    except TargetError:
        # Test suites hold files that are wrong on purpose; no function of theirs can be a target.
        return
    for function in random.Random(str(path.name)).sample(functions, min(FUNCTIONS_A_FILE, len(functions))):
        yield file, function


@pytest.fixture(scope="module")
def sampled() -> list[tuple[SourceFile, Function]]:
    return [pair for path in _files() for pair in _functions(path)]


def test_the_sample_is_worth_its_name(sampled: list[tuple[SourceFile, Function]]) -> None:
    assert len(sampled) > 200


def test_a_functions_own_draft_changes_nothing(sampled: list[tuple[SourceFile, Function]]) -> None:
    for file, function in sampled:
        assert splice(file, function, draft_of(function)) == file.data, (file.path, function.qualname)


def test_one_line_more_changes_one_line(sampled: list[tuple[SourceFile, Function]]) -> None:
    for file, function in sampled[::8]:
        draft = draft_of(function)
        if function.inline or not draft.body:
            continue
        after = splice(file, function, Draft("pass\n" + draft.body)).decode(file.encoding)
        line = f"{function.body_indent}pass{file.newline}"
        start = function.body_start
        assert after == file.text[:start] + line + file.text[start:], (file.path, function.qualname)


def test_the_body_alone_is_the_functions_body(sampled: list[tuple[SourceFile, Function]]) -> None:
    for file, function in sampled:
        statements = function.node.body[1:] if function.docstring else function.node.body
        found = ast.parse(draft_of(function).body).body
        assert [ast.dump(node) for node in found] == [ast.dump(node) for node in statements], file.path


PIECES = [
    "x = 1",
    "",
    "# c",
    "if x:\n    y = 2\n    # d",
    "s = '''\n  raw\n'''",
    "t = (\n1,\n      2)",
    "pass",
    "   ",
    "def inner():\n\n    return '''\n'''",
]


@pytest.mark.parametrize("seed", range(60))
def test_another_body_changes_nothing_but_the_body(
    sampled: list[tuple[SourceFile, Function]], seed: int
) -> None:
    chance = random.Random(seed)
    file, function = chance.choice([pair for pair in sampled if len(pair[0].data) < 60_000])
    body = "\n".join(chance.choices(PIECES, k=chance.randint(1, 6))) + "\n"
    try:
        after = splice(file, function, Draft(body)).decode(file.encoding)
    except SpliceError:
        # Only a body without a statement may be refused.
        assert not ast.parse(body).body
        return
    kept = function.header_end if function.inline else function.body_start
    assert after.startswith(file.text[:kept])
    assert after.endswith(file.text[function.end :])
    new = next(
        f
        for f in find_functions(SourceFile.from_bytes(file.path, file.encode(after)))
        if f.start == function.start
    )
    assert new.header.split() == function.header.split()
    inner = new.node.body[1:] if function.docstring else new.node.body
    assert [ast.dump(node) for node in inner] == [ast.dump(node) for node in ast.parse(body).body]
