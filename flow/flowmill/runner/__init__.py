"""Running the project's tests: in a cold process per run, or by a script for tests."""

from __future__ import annotations

from flowmill.runner.cold import ColdRunner
from flowmill.runner.scripted import ScriptedRunner

__all__ = ["ColdRunner", "ScriptedRunner"]
