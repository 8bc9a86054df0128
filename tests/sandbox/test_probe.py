from __future__ import annotations

import sys
from pathlib import Path

import pytest

from doubles.trees import write_tree
from flowmill.sandbox.layers import NETWORK, decide, expected
from flowmill.sandbox.probe import of_system, probe_layers


def test_every_layer_is_tried_in_the_interpreter_itself(tmp_path: Path) -> None:
    probed = probe_layers(Path(sys.executable), tmp_path / "cache")
    assert probed.problem == ""
    if sys.platform == "linux":
        assert set(probed.layers) == {*expected(), NETWORK}
        assert probed.layers["limits"] == ""


@pytest.mark.parametrize(
    ("script", "said"), [("exit 3", "exited with 3"), ("echo hello", "does not answer as Python")]
)
def test_an_interpreter_that_cannot_be_asked_is_one_line(tmp_path: Path, script: str, said: str) -> None:
    odd = write_tree(tmp_path, {"odd": f"#!/bin/sh\n{script}\n"}) / "odd"
    odd.chmod(0o755)
    probed = probe_layers(odd, tmp_path / "cache")
    assert dict(probed.layers) == {}
    assert said in probed.problem


def test_a_sandbox_that_nothing_is_started_in_is_none() -> None:
    layers = dict.fromkeys(("session", "descriptors", "limits"), "") | of_system("darwin")
    error = decide("auto", layers, platform="darwin")
    assert error is not None
    assert "(seatbelt: flowmill does not start the tests in it yet)" in str(error)
    assert decide("off", layers, platform="darwin") is None
