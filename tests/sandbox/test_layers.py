from __future__ import annotations

import pytest

from flowmill.errors import ProjectError
from flowmill.options import Sandbox
from flowmill.sandbox.layers import LINUX, MAC, decide, expected, remedy, working

ALL = dict.fromkeys(LINUX, "")
NO_LANDLOCK = ALL | {"landlock": "the kernel has no Landlock"}
NO_SECCOMP = ALL | {"seccomp": "refused"}


@pytest.mark.parametrize(
    ("setting", "layers", "platform", "said"),
    [
        ("auto", ALL, "linux", None),
        ("strict", ALL, "linux", None),
        ("strict", ALL | {"network namespace": "refused"}, "linux", None),
        ("auto", NO_SECCOMP, "linux", None),
        ("strict", NO_SECCOMP, "linux", "this machine lacks seccomp: refused"),
        ("auto", NO_LANDLOCK, "linux", "landlock: the kernel has no Landlock"),
        ("strict", NO_LANDLOCK, "linux", "landlock: the kernel has no Landlock"),
        ("auto", {}, "linux", "landlock: it hangs"),
        ("off", {}, "linux", None),
        ("auto", {"landlock": "no", "seatbelt": ""}, "darwin", None),
        ("auto", {"seatbelt": "not there"}, "darwin", "seatbelt: not there"),
        ("strict", dict.fromkeys(MAC, ""), "darwin", None),
        ("auto", {"job object": "", "restricted token": ""}, "win32", None),
        ("auto", {"job object": ""}, "win32", "restricted token"),
    ],
)
def test_whether_the_layers_are_enough(
    setting: Sandbox, layers: dict[str, str], platform: str, said: str | None
) -> None:
    problem = decide(setting, layers, untried="it hangs", platform=platform)
    assert (problem is None) == (said is None)
    if said is not None:
        assert isinstance(problem, ProjectError)
        assert said in str(problem)
        assert "\n" not in str(problem)
        assert "--sandbox" in problem.hint
        assert problem.exit_code == 3


def test_what_works_is_named_in_order_and_the_rest_can_be_mended() -> None:
    assert working(NO_SECCOMP) == ("session", "descriptors", "limits", "capabilities", "landlock")
    assert "lsm=landlock" in remedy("landlock", "switched off")
    assert "unprivileged_userns_clone" in remedy("network namespace", "refused")
    assert "--python" in remedy("landlock", "no ctypes in this interpreter")
    assert expected("linux") == LINUX
    assert expected("darwin") == MAC
