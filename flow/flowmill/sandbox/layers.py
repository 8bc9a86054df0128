"""The layers of the sandbox by name, and whether those that work on a machine are enough to run drafts."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from flowmill.errors import ProjectError
from flowmill.options import Sandbox

LINUX = ("session", "descriptors", "limits", "capabilities", "landlock", "seccomp")
NETWORK = "network namespace"
"""Gives a draft a loopback of its own; only wanted when the project's tests need one."""
MAC = ("session", "descriptors", "limits", "seatbelt")
WINDOWS = ("job object", "restricted token")
OUTSIDE = frozenset({"seatbelt", "job object", "restricted token"})
"""Put around a process by the one that starts it; the others the process puts up itself."""
FILES = frozenset({"landlock", "mount namespace", "seatbelt", "restricted token"})
"""One of these keeps a draft from the user's files; without any, the rest is no sandbox."""
WAY_OUT = (
    "use a machine or container that has it, or accept drafts with your own rights: --sandbox off, "
    'sandbox = "off" in [tool.flowmill] with flowmill doctor --trust, or the editor\'s setting'
)
REMEDIES: Mapping[str, str] = {
    "landlock": "Linux 5.13 or newer built with Landlock; if it is switched off, boot with lsm=landlock,... "
    "(the present list is in /sys/kernel/security/lsm); in a container, its seccomp profile must allow landlock_*",
    "seccomp": "a kernel with CONFIG_SECCOMP_FILTER; in a container, its seccomp profile must allow seccomp()",
    "network namespace": "let users make namespaces: sysctl kernel.unprivileged_userns_clone=1, user.max_user_namespaces "
    "above 0, and on Ubuntu sysctl kernel.apparmor_restrict_unprivileged_userns=0; only tests that use loopback need it",
    "capabilities": "start flowmill as an ordinary user rather than as root",
    "limits": "raise what ulimit -H shows, or start flowmill from a shell without lower limits",
    "seatbelt": "run flowmill in a Linux container or machine, or accept drafts with your own rights: --sandbox off",
}
NO_CTYPES = "this interpreter has no ctypes: install libffi and rebuild it, or give another one with --python"


def expected(platform: str = sys.platform) -> tuple[str, ...]:
    """The layers that a system can have, outermost first; all of them are required by "strict"."""
    if platform == "darwin":
        return MAC
    return WINDOWS if platform == "win32" else LINUX


def working(layers: Mapping[str, str]) -> tuple[str, ...]:
    """The layers that a probe found in order: it gives "" for one that works, else why it does not."""
    return tuple(name for name, why in layers.items() if not why)


def decide(
    setting: Sandbox, layers: Mapping[str, str], *, untried: str = "", platform: str = sys.platform
) -> ProjectError | None:
    """The error to raise before any draft runs, None if the layers that work are enough for the setting.

    `untried` says why no layer could be tried. A ProjectError (exit code 3), since nothing is
    wrong with the command: the tests cannot run here as asked.
    """
    if setting == "off":
        return None
    if not FILES & set(working(layers)):
        name = {"darwin": "seatbelt", "win32": "restricted token"}.get(platform, "landlock")
        why = layers.get(name) or untried or "unknown here"
        return ProjectError(
            f"drafts are untrusted code, and nothing here keeps them from your files ({name}: {why})",
            hint=WAY_OUT,
        )
    missing = [name for name in expected(platform) if layers.get(name, "unknown here")]
    if setting == "strict" and missing:
        why = "; ".join(f"{name}: {layers.get(name, 'unknown here')}" for name in missing)
        return ProjectError(
            f"sandbox strict needs every layer, and this machine lacks {why}",
            hint="mend what flowmill doctor names, or use --sandbox auto",
        )
    return None


def remedy(layer: str, why: str) -> str:
    """What the user can do about a layer that does not work."""
    return NO_CTYPES if "ctypes" in why else REMEDIES.get(layer, "")
