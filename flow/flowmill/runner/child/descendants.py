"""Lets Python processes that the tests start see the overlay too."""

from __future__ import annotations

import base64
import json
import os
from typing import Any

from . import overlay as overlay_module
from .overlay import Overlay

MODULE = "flowmill_overlay"
HOOK = f"""\
import base64, json, os, sys

_here = os.path.dirname(os.path.abspath(__file__))
try:
    import {MODULE}

    with open(os.path.join(_here, "overlay.json"), encoding="ascii") as _file:
        _overlay = {MODULE}.Overlay({{k: base64.b64decode(v) for k, v in json.load(_file).items()}})
    {MODULE}.serve_imports(_overlay)
    {MODULE}.serve_lines(_overlay)
finally:
    sys.path[:] = [_entry for _entry in sys.path if _entry != _here]
    del sys.modules["sitecustomize"]
try:
    import sitecustomize
except ImportError:
    sys.modules["sitecustomize"] = type(sys)("sitecustomize")
"""
"""What every Python reads when it starts; it then makes room for the module of this name that it displaced."""


def serve_descendants(overlay: Overlay, scratch: str) -> None:
    """Have Python processes that are started from here on import the overlay's texts."""
    if not overlay.files:
        return
    folder = os.path.join(scratch, "site")
    os.makedirs(folder, exist_ok=True)
    loader: Any = overlay_module.__loader__
    source: str = loader.get_source(overlay_module.__name__)
    encoded = {path: base64.b64encode(data).decode() for path, data in overlay.files.items()}
    for name, text in (
        ("sitecustomize.py", HOOK),
        (f"{MODULE}.py", source),
        ("overlay.json", json.dumps(encoded)),
    ):
        with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
            file.write(text)
    known = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = folder + (os.pathsep + known if known else "")
