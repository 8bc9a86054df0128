"""Names that are there and that nothing uses yet."""

from __future__ import annotations

from pathlib import Path

from flowmill.context.waiting import waiting
from flowmill.source.functions import find
from flowmill.source.text import SourceFile

SOURCE = '''from __future__ import annotations
import os, sys
import xml.dom
from .coding import decode, encode, Quoted, listed as again, kept as kept
from .other import reexported  # noqa: F401

__all__ = ["Listed"]
_LIMIT = 3
PUBLIC = 4

class Listed(Exception): ...
class OddError(Exception): ...

def _helper(text):
    return _helper(text[1:])

def shown(text: "Quoted") -> str:
    """Shown with encode and _LIMIT."""
    return os.fspath(text.decode(encode="utf-8"))

class Box:
    _rate: int = 0

    def _weigh(self): ...
    def _told(self): ...
    def _size(self):
        """The size."""

    def told(self):
        return self._told()
'''


def idle(qualname: str, source: str = SOURCE, name: str = "words.py") -> tuple[str, ...]:
    file = SourceFile.from_bytes(Path(name), source.encode())
    return waiting(file, find(file, qualname))


def test_what_nothing_reads_waits_public_names_and_reexports_apart() -> None:
    module = ("sys", "xml", "decode", "encode", "again", "_LIMIT", "OddError", "_helper")
    assert idle("shown") == module
    assert idle("Box._size") == (*module, "_rate", "_weigh")


def test_what_the_body_itself_uses_does_not_wait() -> None:
    source = "import json\nimport re\n\ndef load(text):\n    return json.loads(text)\n"
    assert idle("load", source) == ("re",)


def test_a_packages_front_imports_for_others_what_is_public() -> None:
    assert idle("shown", name="__init__.py") == ("_LIMIT", "OddError", "_helper")
    source = "try:\n    from .fast import _inner, outer\nexcept ImportError:\n    from .slow import _inner, outer\n"
    assert idle("f", f"{source}\ndef f(): ...\n", "__init__.py") == ("_inner",)


def test_very_many_say_nothing() -> None:
    source = "".join(f"import mod{n}\n" for n in range(20)) + "def f():\n    pass\n"
    assert idle("f", source) == ()
