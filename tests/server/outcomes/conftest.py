from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from doubles.outcome_parts import Bench


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncGenerator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    await bench.aclose()
