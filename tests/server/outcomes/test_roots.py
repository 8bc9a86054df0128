"""The project of a file, as the engine will find it."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowmill_server.outcomes.roots import Roots


@pytest.mark.parametrize(
    ("marker", "given", "folder", "root"),
    [
        ("project/pyproject.toml", None, None, "project"),
        ("project/pyproject.toml", "", "project", "project"),
        ("", None, "project", "project"),
        ("", "project", None, "project"),
        ("project/pyproject.toml", "nowhere", None, "project"),
        ("", None, None, "project/src"),
    ],
)
async def test_where_a_project_begins(
    tmp_path: Path, marker: str, given: str | None, folder: str | None, root: str
) -> None:
    file = tmp_path / "project/src/shop.py"
    file.parent.mkdir(parents=True)
    if marker:
        (tmp_path / marker).touch()
    roots = Roots(
        lambda path: str(tmp_path / given) if given else given,
        lambda path: tmp_path / folder if folder else None,
    )
    assert roots.known(file) is None
    assert await roots.find(file) == tmp_path / root
    assert roots.known(file) == roots.known(file.with_name("other.py")) == tmp_path / root


async def test_a_place_in_doubt_is_told_until_the_new_one_is_known(tmp_path: Path) -> None:
    """VS Code sends its settings again as soon as they are registered: a run in its middle keeps its project."""
    file = tmp_path / "inner/shop.py"
    file.parent.mkdir()
    given = [str(tmp_path), str(file.parent)]
    roots = Roots(lambda path: given[0])
    assert await roots.find(file) == tmp_path
    del given[0]
    assert await roots.find(file) == tmp_path, "looked up once"
    roots.doubt()
    assert roots.known(file) == tmp_path
    assert await roots.find(file) == file.parent == roots.known(file)
