from __future__ import annotations

import re

import pytest

from flowmill.sandbox.seatbelt import command, profile

POLICY: dict[str, object] = {
    "readable": ["/usr", "/Users/ann/app", "/Users/ann/.cache/flowmill/pycache"],
    "hidden": ["/Users/ann/app/.env", "/Users/ann/.cache/flowmill"],
    "writable": ["/private/tmp/flowmill-x"],
    "network": "none",
    "processes": False,
}


def decision(text: str, action: str, path: str) -> str:
    """What the profile says of a file: of the rules that match, the last."""
    found = "deny"
    for kind, actions, folder in re.findall(r'\((allow|deny) ([^()]*?) \(subpath "([^"]*)"\)\)', text):
        if action in actions.split() and (path == folder or path.startswith(folder + "/")):
            found = kind
    return found


@pytest.mark.parametrize(
    ("action", "path", "said"),
    [
        ("file-read*", "/usr/lib/libc.dylib", "allow"),
        ("file-write*", "/usr/lib/libc.dylib", "deny"),
        ("file-read*", "/Users/ann/app/app.py", "allow"),
        ("file-write*", "/Users/ann/app/app.py", "deny"),
        ("file-read*", "/Users/ann/app/.env", "deny"),
        ("file-read*", "/Users/ann/.ssh/id_rsa", "deny"),
        ("file-read*", "/Users/ann/.cache/flowmill/journal.sqlite3", "deny"),
        ("file-read*", "/Users/ann/.cache/flowmill/pycache/a.pyc", "allow"),
        ("file-write*", "/private/tmp/flowmill-x/a", "allow"),
        ("file-read*", "/private/tmp/other", "deny"),
    ],
)
def test_the_innermost_rule_decides(action: str, path: str, said: str) -> None:
    assert decision(profile(POLICY), action, path) == said


def test_all_is_denied_that_is_not_allowed() -> None:
    text = profile(POLICY)
    assert text.startswith("(version 1)\n(deny default)\n")
    assert text.count("(") == text.count(")")
    assert "network" not in text
    assert "process-fork" not in text
    assert "mach-lookup (global-name" in text


def test_network_and_processes_are_opened_as_the_policy_says() -> None:
    assert '(remote ip "localhost:*")' in profile(POLICY | {"network": "loopback"})
    assert "(allow network*)" not in profile(POLICY | {"network": "loopback"})
    assert "(allow network*)" in profile(POLICY | {"network": "any"})
    assert "(allow process-fork)" in profile(POLICY | {"processes": True})


def test_odd_names_cannot_leave_their_string() -> None:
    text = profile(POLICY | {"readable": ['/a"))(allow default)(x "', "/back\\slash", "/ümlaut"]})
    assert r'(subpath "/a\"))(allow default)(x \"")' in text
    assert r'(subpath "/back\\slash")' in text
    assert '(subpath "/ümlaut")' in text


def test_the_command_runs_under_the_profile() -> None:
    assert command(POLICY, ["python", "x"]) == ["/usr/bin/sandbox-exec", "-p", profile(POLICY), "python", "x"]
