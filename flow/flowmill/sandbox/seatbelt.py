"""The sandbox of macOS: the same policy as a profile for `sandbox-exec`.

Untested on macOS: written from Apple's profiles and those of other programs, and held
against the policy by unit tests only. No process is started with it yet, so `probe`
says that it does not work.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from flowmill.project.pyproject import texts

SANDBOX_EXEC = "/usr/bin/sandbox-exec"
HEAD = """\
(version 1)
(deny default)
(allow file-read-metadata)
(allow file-read* (literal "/"))
(allow file-read* file-write-data (literal "/dev/null") (literal "/dev/zero") (literal "/dev/dtracehelper"))
(allow file-read* (literal "/dev/random") (literal "/dev/urandom"))
(allow process-exec)
(allow process-info* (target self))
(allow signal (target self))
(allow sysctl-read)
(allow ipc-posix-sem)
(allow mach-lookup (global-name "com.apple.system.opendirectoryd.libinfo"))
(allow mach-lookup (global-name "com.apple.system.notification_center"))
"""
PROCESSES = """\
(allow process-fork)
(allow signal (target same-sandbox))
(allow process-info* (target same-sandbox))
"""
LOOPBACK = """\
(allow network-bind (local ip "localhost:*"))
(allow network-inbound (local ip "localhost:*"))
(allow network-outbound (remote ip "localhost:*"))
(allow system-socket)
"""
ANY_NETWORK = "(allow network*)\n(allow system-socket)\n"


def command(policy: Mapping[str, object], argv: Sequence[str]) -> list[str]:
    """The command that runs `argv` under the policy: exec alone is allowed, so nothing stays outside."""
    return [SANDBOX_EXEC, "-p", profile(policy), *argv]


def profile(policy: Mapping[str, object]) -> str:
    """The policy in the profile's language. Limits of memory and time are the process's own affair."""
    network = {"none": "", "loopback": LOOPBACK, "any": ANY_NETWORK}[str(policy["network"])]
    processes = PROCESSES if policy["processes"] else ""
    return HEAD + processes + network + "\n".join(_files(policy)) + "\n"


def _files(policy: Mapping[str, object]) -> Iterator[str]:
    """One rule for each place. The last one that matches counts, so inner places come after outer ones."""
    rules = [(path, f"(allow file-read* {_below(path)})") for path in texts(policy["readable"])]
    rules += [(path, f"(deny file-read* file-write* {_below(path)})") for path in texts(policy["hidden"])]
    rules += [(path, f"(allow file-read* file-write* {_below(path)})") for path in texts(policy["writable"])]
    # Equally deep places differ, or one is given twice: then the later kind wins, as the order of the lists.
    yield from (rule for _, rule in sorted(rules, key=lambda each: each[0].count("/")))


def _below(path: str) -> str:
    # A string of the profile's language is written as one of JSON is, except for what lies beyond ASCII.
    return f"(subpath {json.dumps(path, ensure_ascii=False)})"
