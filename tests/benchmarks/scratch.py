"""A small project for the scripts that need no benchmark: one stub, two tests."""

from __future__ import annotations

import json
from pathlib import Path

TARGET = "words.py::initials"
MODULE = '''\
"""Words and their letters."""


def initials(text: str) -> str:
    """The first letter of each word, in capitals."""
    raise NotImplementedError
'''
TESTS = """\
from words import initials


def test_words():
    assert initials("ada lovelace") == "AL"


def test_nothing():
    assert initials("") == ""
"""
CONTRADICTION = """

def test_contradiction():
    assert initials("grace hopper") == "GH"
    assert initials("grace hopper") == "HG"
"""
ANSWER = '''\
```python
def initials(text: str) -> str:
    """The first letter of each word, in capitals."""
    return "".join(word[0].upper() for word in text.split())
```
'''
MODEL = "scripted"


def write_project(folder: Path, *, solvable: bool = True) -> Path:
    """The project in that folder; if it is not solvable, a run goes on until a limit ends it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text("[tool.pytest.ini_options]\npythonpath = ['.']\n")
    (folder / "words.py").write_text(MODULE)
    (folder / "test_words.py").write_text(TESTS if solvable else TESTS + CONTRADICTION)
    return folder


def write_script(file: Path, answer_seconds: float) -> Path:
    """What the scripted endpoint answers, each time the same, over so many seconds."""
    chunks = ANSWER.splitlines(keepends=True)
    reply = {"chunks": chunks, "delay": answer_seconds / (len(chunks) + 3)}
    pages = {"/v1/models": {"object": "list", "data": [{"id": MODEL, "object": "model"}]}}
    file.write_text(json.dumps({"replies": [reply], "pages": pages, "repeat": True}))
    return file
