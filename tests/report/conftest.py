from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --disable-dev-shm-usage --virtual-time-budget=3000"
)
Dump = Callable[[str], str]


@pytest.fixture
def dump(tmp_path: Path) -> Dump:
    """`dump(html)`: the page as a real browser has it once its scripts have run."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("no chromium on this machine")

    def show(html: str) -> str:
        page = tmp_path / "page.html"
        page.write_text(html, "utf-8")
        command = [found, *OPTIONS.split(), f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom"]
        done = subprocess.run([*command, page.as_uri()], capture_output=True, timeout=100, check=True)
        return done.stdout.decode()

    return show


def told(dom: str) -> Any:
    """What a script of ours left as JSON in the element `told`."""
    found = re.search(r'<pre id="told">(.*?)</pre>', dom, re.DOTALL)
    assert found, dom[-2000:]
    return json.loads(unescape(found[1]))
