"""The configurations of `editors/`: they parse, start what is installed, set what exists, and are named in their pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flowmill.options import BY_NAME, snake

from .setups import EDITORS, ROOT, SETUPS, Setup, read

FILES = sorted(
    str(path.relative_to(EDITORS))
    for name in ("helix", "zed", "sublime", "kate", "pycharm")
    for path in (EDITORS / name).rglob("*")
    if path.is_file() and path.suffix not in (".md", ".rs", ".lock")
)
QUESTIONS = (
    "Trigger",
    "Progress",
    "Drafts",
    "Diff",
    "Accept",
    "Discard",
    "Cancel",
    "Diagnostics",
    "Settings",
)


@pytest.mark.parametrize("file", FILES)
def test_it_parses(file: str) -> None:
    assert read(file) or file.endswith(("initializationOptions.json", "clientSettings.json"))


def test_it_starts_the_server_and_sets_what_exists(setup: Setup) -> None:
    assert setup.command == ("flowmill", "server")
    given = {**setup.settings, **setup.options}
    assert given
    assert {key for key in given if snake(key) not in BY_NAME} == set()


@pytest.mark.parametrize("name", [setup.name for setup in SETUPS])
def test_its_page_answers_every_question_and_quotes_its_files(name: str) -> None:
    page = (EDITORS / name / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| (\w+) \|", page, re.MULTILINE)
    assert [row for row in rows if row in QUESTIONS] == list(QUESTIONS)
    for file in FILES:
        folder, _, rest = file.partition("/")
        if folder == name and rest != "Cargo.toml":
            assert Path(rest).name in page, rest


@pytest.mark.parametrize("name", [setup.name for setup in SETUPS])
def test_what_a_page_shows_is_what_its_file_holds(name: str) -> None:
    page = (EDITORS / name / "README.md").read_text("utf-8")
    blocks = re.findall(r"<!-- (\S+) -->\n```\w+\n(.*?)```", page, re.DOTALL)
    assert blocks
    for file, block in blocks:
        assert block == (EDITORS / name / file).read_text("utf-8"), file


def test_the_table_of_editors_names_every_folder() -> None:
    page = (EDITORS / "README.md").read_text("utf-8")
    folders = {path.name for path in EDITORS.iterdir() if path.is_dir() and (path / "README.md").exists()}
    assert {folder for folder in folders if f"]({folder}/" not in page} == set()
    for link in re.findall(r"\]\(([^)#:]+)\)", page):
        assert (EDITORS / link).exists() or (ROOT / link).exists(), link
