"""What `flowmill doctor` says of the sandbox, for made-up machines and for this one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from doubles.command import Scripted
from doubles.trees import write_tree
from flowmill.cli.doctor_checks import Check
from flowmill.cli.doctor_sandbox import check_sandbox, judge
from flowmill.options import Sandbox
from flowmill.sandbox.layers import LINUX, NETWORK
from flowmill.sandbox.probe import Probed
from flowmill.settings import Settings

linux = pytest.mark.skipif(sys.platform != "linux", reason="these are the layers of Linux")
ALL = dict.fromkeys(map(str, (*LINUX, NETWORK)), "")


def states(checks: list[Check]) -> dict[str, str]:
    return {check.name: check.state for check in checks}


@linux
def test_a_machine_that_has_everything_is_one_line() -> None:
    (check,) = judge("auto", "the default", Probed(ALL))
    assert (check.state, check.remedy) == ("ok", "")
    assert check.found == (
        "auto (the default): session, descriptors, limits, capabilities, landlock, seccomp, network namespace"
    )


@linux
@pytest.mark.parametrize(
    ("setting", "missing", "state"),
    [
        ("auto", NETWORK, "ok"),
        ("strict", NETWORK, "ok"),
        ("auto", "seccomp", "warning"),
        ("strict", "seccomp", "failed"),
        ("auto", "landlock", "failed"),
        ("off", "landlock", "warning"),
    ],
)
def test_a_missing_layer_is_named_with_its_remedy(setting: Sandbox, missing: str, state: str) -> None:
    checks = judge(setting, "--sandbox", Probed(ALL | {missing: "it is refused"}))
    assert states(checks) == {"sandbox": state, f"sandbox: {missing}": "warning"}
    assert checks[1].found == "does not work here: it is refused"
    assert checks[1].remedy
    if state == "failed":
        assert (checks[0].code, "--sandbox" in checks[0].remedy) == (3, True)


def test_off_is_said_plainly() -> None:
    (check,) = judge("off", "[tool.flowmill]", Probed(ALL))
    assert (check.state, check.found) == ("warning", "off ([tool.flowmill])")
    assert "your rights" in check.remedy


def test_layers_that_cannot_be_tried_are_not_trusted(tmp_path: Path) -> None:
    odd = write_tree(tmp_path, {"odd": "#!/bin/sh\necho hello\n", "file": ""}) / "odd"
    odd.chmod(0o755)
    (check,) = check_sandbox(odd, Settings(), tmp_path / "cache")
    assert (check.state, check.code) == ("failed", 3)
    assert "does not answer as Python does" in check.found
    # A cache that cannot be written is told elsewhere; the layers are tried all the same.
    (check,) = check_sandbox(Path(sys.executable), Settings(), tmp_path / "file/cache")
    assert "cannot be written" not in check.found


async def test_the_command_tries_the_layers_of_this_machine(scripted: Scripted, tmp_path: Path) -> None:
    flowmill = await scripted(pages={"/v1/models": {"data": [{"id": "scripted"}]}})
    write_tree(flowmill.root, {"pyproject.toml": "", "test_a.py": "def test_a(): pass\n"})
    ended = await flowmill.run("doctor")
    (line,) = [line for line in ended.out.splitlines() if line[2:].startswith("sandbox ")]
    assert "auto (the default)" in line
    assert ("landlock" in line) == (sys.platform == "linux")
    assert ended.code == (3 if line.startswith(("✗", "XX")) else 0), ended.out
    off = await flowmill.run("doctor", "--sandbox", "off")
    assert (off.code, "off (--sandbox)" in off.out) == (0, True)


def test_an_interpreter_without_ctypes_is_told(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "env")], check=True)
    (site,) = (tmp_path / "env/lib").glob("python*/site-packages")
    # As in an interpreter that was built without libffi.
    write_tree(site, {"none.pth": "import sys; sys.modules['ctypes'] = None\n"})
    checks = check_sandbox(tmp_path / "env/bin/python", Settings(), tmp_path / "cache")
    assert checks[0].state == "failed"
    remedies = {check.remedy for check in checks[1:] if "ctypes" in check.found}
    assert len(remedies) == 1, json.dumps([check.found for check in checks])
    assert "--python" in remedies.pop()
