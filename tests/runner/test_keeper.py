"""Modes, times and owners can be changed in the scratch folder, as outside of a sandbox, and nowhere else."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from doubles.confined import USERS, Place, needs, sandboxes
from flowmill.runner.child.keeper import signed


@pytest.fixture(scope="module", params=USERS)
def sandbox(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    needs("seccomp")
    yield from sandboxes(request.param, tmp_path_factory)


INSIDE = {
    "mode": "os.chmod(path, 0o640); result = found().st_mode & 0o777 == 0o640",
    "mode of a descriptor": "os.chmod(descriptor, 0o640); result = found().st_mode & 0o777 == 0o640",
    "mode below a folder": "os.chmod('file', 0o640, dir_fd=folder); result = found().st_mode & 0o777 == 0o640",
    "mode of a relative path": "os.chdir(scratch); os.chmod('file', 0o640); result = found().st_mode & 0o777 == 0o640",
    "mode by its own descriptors": "os.chmod(f'/proc/self/fd/{descriptor}', 0o640); result = found().st_mode & 0o777 == 0o640",
    "mode through a link": "os.symlink('file', path + '2'); os.chmod(path + '2', 0o640); result = found().st_mode & 0o777 == 0o640",
    "unreadable": "os.chmod(path, 0); result = found().st_mode & 0o777 == 0",
    "times": "os.utime(path, (1, 2)); result = (found().st_atime, found().st_mtime) == (1, 2)",
    "times of a descriptor": "os.utime(descriptor, (1, 2)); result = found().st_mtime == 2",
    "fine times": "os.utime(path, ns=(1, 10**9 + 5)); result = found().st_mtime_ns == 10**9 + 5",
    "now": "os.utime(path, (1, 2)); os.utime(path); result = abs(found().st_mtime - time.time()) < 60",
    "times of a link": "os.symlink('file', path + '2'); os.utime(path + '2', (1, 2), follow_symlinks=False)\n"
    "result = [os.lstat(path + '2').st_mtime, found().st_mtime > 2] == [2, True]",
    "owner": "os.chown(path, os.getuid(), os.getgid()); os.fchown(descriptor, -1, -1); result = True",
    "copy": "shutil.copy2(base + '/project/source.py', path)\n"
    "result = found().st_mtime == os.stat(base + '/project/source.py').st_mtime",
    "nameless file": "f = tempfile.TemporaryFile(); os.fchmod(f.fileno(), 0o640); result = os.fstat(f.fileno()).st_mode & 0o777 == 0o640",
    "missing": "try: os.chmod(path + '3', 0o640)\nexcept FileNotFoundError: result = True",
    "in a thread": "t = threading.Thread(target=os.chmod, args=(path, 0o640)); t.start(); t.join(); result = found().st_mode & 0o777 == 0o640",
    "many": "for i in range(200): os.chmod(path, 0o600 + i % 8)\nresult = found().st_mode & 0o777 == 0o607",
}
SETUP = """
path = scratch + "/file"
open(path, "w").close()
os.chmod(path, 0o600)
descriptor = os.open(path, os.O_RDWR)
folder = os.open(scratch, os.O_RDONLY)
found = lambda: os.stat(path)
"""


@pytest.fixture(autouse=True)
def _cleared(sandbox: Place) -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    yield
    for path in (sandbox.base / "scratch").glob("file*"):
        path.unlink()


@pytest.mark.parametrize("code", INSIDE.values(), ids=INSIDE)
def test_changes_in_the_scratch_folder_are_made(sandbox: Place, code: str) -> None:
    answer = sandbox.run(SETUP + code)
    assert answer.value is True, answer.text


@pytest.mark.parametrize("name", ["mode", "fine times", "owner"])
def test_they_are_made_in_a_network_namespace_too(sandbox: Place, name: str) -> None:
    answer = sandbox.run(SETUP + INSIDE[name], network="loopback")
    assert answer.value is True, answer.text


OUTSIDE = {
    "plain": "os.chmod(target, 0o777)",
    "descriptor": "os.chmod(os.open(target, os.O_RDONLY), 0o777)",
    "below a folder": "os.chmod('source.py', 0o777, dir_fd=os.open(base + '/project', os.O_RDONLY))",
    "through a link": "os.symlink(target, path + '4'); os.chmod(path + '4', 0o777)",
    "through a link of a folder": "os.symlink(base + '/project', path + '5'); os.chmod(path + '5/source.py', 0o777)",
    "by a way up": "os.chmod(scratch + '/../project/source.py', 0o777)",
    "by its root": "os.chmod('/proc/self/root' + target, 0o777)",
    "by its working folder": "os.chdir(base + '/project'); os.chmod('source.py', 0o777)",
    "its interpreter": "os.chmod('/proc/self/exe', 0o777)",
    "the keeper's own": "os.chmod('/proc/self/../self/cwd/source.py', 0o777)",
    "the parent's": "os.chmod(f'/proc/{os.getppid()}/cwd/source.py', 0o777)",
    "times": "os.utime(target, (1, 2))",
    "owner": "os.chown(target, os.getuid(), os.getgid())",
    "the folder above": "os.chmod(os.path.dirname(scratch), 0o777)",
    "a beginning that is alike": "os.chmod(scratch + 'er/file', 0o777)",
}


@pytest.mark.parametrize("code", OUTSIDE.values(), ids=OUTSIDE)
def test_changes_elsewhere_are_refused(sandbox: Place, code: str) -> None:
    (sandbox.base / "scratcher").mkdir(exist_ok=True)
    (sandbox.base / "scratcher/file").write_text("")
    seen = sandbox.picture(), os.stat(sandbox.python), sandbox.base.stat().st_mode
    answer = sandbox.run(f"{SETUP}target = base + '/project/source.py'\n{code}")
    assert answer.error == "PermissionError", answer.text
    assert (sandbox.picture(), os.stat(sandbox.python), sandbox.base.stat().st_mode) == seen


BAD = """
libc = ctypes.CDLL(None, use_errno=True)
result = []
for address in (1, 0x7FFFFFFFF000, -1, ctypes.addressof(ctypes.create_string_buffer(b"x" * 5000, 5000))):
    answer = libc.syscall(ctypes.c_long(number), ctypes.c_int(-100), ctypes.c_void_p(address), 0o777, 0)
    result.append([answer, ctypes.get_errno() in (14, 36, 2, 5)])
"""


def test_bad_addresses_harm_nobody(sandbox: Place) -> None:
    number = {"x86_64": 268, "aarch64": 53}[os.uname().machine]
    assert sandbox.run(BAD, given={"number": number}).value == [[-1, True]] * 4
    assert sandbox.run(SETUP + INSIDE["mode"]).value is True


def test_without_it_changes_seem_to_succeed(sandbox: Place) -> None:
    """So that copying a file with its date does not fail where the kernel hands no calls over."""
    code = """
path = scratch + "/file"
shutil.copy2(base + "/project/source.py", path)
os.chmod(path, 0o7)
result = os.stat(path).st_mode & 0o777 == 0o7
"""
    answer = sandbox.run(code, before="confiner.close()")
    assert (answer.value, answer.error) == (False, ""), answer.text


def test_what_c_calls_an_int() -> None:
    assert [signed(value) for value in (0, 5, 0xFFFFFF9C, 0xFFFFFFFFFFFFFF9C)] == [0, 5, -100, -100]
