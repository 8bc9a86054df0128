"""What exists on this machine that a run of the tests must be able to read, and what it must not."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from flowmill.paths import cache_dir, config_dir
from flowmill.project.probe import ask_python
from flowmill.project.pyproject import as_table, texts
from flowmill.project.pytest_config import read_config
from flowmill.runner.program import program
from flowmill.sandbox.secrets import hidden_paths, project_secrets
from flowmill.shapes import Project

try:
    import pwd
except ImportError:  # Windows
    pwd = None

LINUX = (
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix/store", "/gnu/store", "/snap",
    "/run/current-system", "/sys/devices/system", "/sys/fs/cgroup", "/sys/kernel/mm/transparent_hugepage",
    # Single entries of /etc: around them lie keys, and every secret below a readable folder costs rules.
    *(
        f"/etc/{name}"
        for name in (
            "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ld-musl-x86_64.path", "localtime", "timezone", "passwd", "group",
            "nsswitch.conf", "hosts", "host.conf", "hostname", "resolv.conf", "gai.conf", "protocols", "services",
            "mime.types", "magic", "magic.mime", "os-release", "lsb-release", "debian_version", "redhat-release",
            "alpine-release", "locale.alias", "locale.conf", "default/locale", "ssl/certs", "ssl/openssl.cnf",
            "ssl/cert.pem", "pki/tls/certs", "pki/tls/cert.pem", "pki/tls/openssl.cnf", "pki/ca-trust/extracted",
            "crypto-policies", "openssl.cnf", "fonts", "terminfo", "gitconfig", "ImageMagick-6", "ImageMagick-7",
            "OpenCL/vendors", "papersize", "java", "java-11-openjdk", "java-17-openjdk", "java-21-openjdk",
        )
    ),
)  # fmt: skip
MAC = (
    "/System", "/usr", "/bin", "/sbin", "/Library/Frameworks", "/Library/Developer", "/Library/Fonts", "/Library/Apple",
    "/Applications/Xcode.app/Contents/Developer", "/opt", "/nix/store", "/private/var/db/timezone",
    "/private/var/db/dyld", "/private/var/select", "/private/etc/localtime", "/private/etc/hosts",
    "/private/etc/passwd", "/private/etc/group", "/private/etc/services", "/private/etc/protocols", "/private/etc/ssl",
    "/private/etc/resolv.conf", "/dev",
)  # fmt: skip
WINDOWS = ("C:/Windows", "C:/Program Files", "C:/Program Files (x86)")
INSTALLED = ("bin", "lib", "lib64", "lib32", "include", "libexec", "Lib", "DLLs", "Scripts", "Library")
"""What of a prefix is granted when the prefix is as wide as a home folder."""
READ_ABOVE = (
    "pyproject.toml", "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "tox.ini", "setup.cfg", "setup.py",
    "conftest.py", "__init__.py",
)  # fmt: skip
QUESTION = """
import importlib.metadata, json, sysconfig
from urllib.parse import urlsplit
from urllib.request import url2pathname
prefixes = [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix]
paths = [sys.executable, *sys.path, *sysconfig.get_paths().values()]
for each in importlib.metadata.distributions():
    try:
        told = json.loads(each.read_text("direct_url.json") or "{}")
        if told.get("dir_info", {}).get("editable"):
            paths.append(url2pathname(urlsplit(told["url"]).path))
    except (OSError, ValueError, KeyError, AttributeError):
        pass
print("")
print(json.dumps({"prefixes": prefixes, "paths": [path for path in paths if path]}))
"""
"""Editable installs are asked for apart, since an import hook may stand for them instead of a path."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where an interpreter's files are. `prefixes` are its installation, `paths` what it imports from."""

    prefixes: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    problem: str = ""
    """Why the interpreter could not be asked, "" if it answered."""


@dataclass(frozen=True, slots=True)
class Ground:
    """Existing places by their real paths: what may be read, and what of it must stay hidden."""

    readable: tuple[str, ...]
    hidden: tuple[str, ...]


@lru_cache(maxsize=32)
def interpreter_places(python: Path, folder: Path) -> Places:
    """Ask the interpreter once where its files are; started in `folder`, since environments depend on it."""
    answer = ask_python(python, QUESTION, folder=folder)
    try:
        told = as_table(json.loads(answer.out.splitlines()[-1])) if answer.out else {}
    except ValueError:
        told = {}
    prefixes, paths = texts(told.get("prefixes")), texts(told.get("paths"))
    if prefixes:
        return Places(prefixes, (str(python), *paths))
    # Without an answer the tests cannot run either; what is known of it is granted all the same.
    near = str(python.parent.parent)
    return Places((near,), (str(python),), answer.problem or f"{python} does not answer as Python does")


def ground_for(
    project: Project,
    cache: Path,
    places: Places,
    *,
    environ: Mapping[str, str] | None = None,
    homes: tuple[Path, ...] = (),
    trusted: bool = False,
) -> Ground:
    """What a run of this project may read here. A `trusted` project may read its own secrets, such as .env.

    What belongs to the machine is found once; the project's secrets are looked for each time.
    """
    known = os.environ if environ is None else environ
    homes = homes or user_homes(known)
    top = repository(_configured(project.root, homes), homes)
    program(cache)
    wanted, secrets = _machine(project.root, top, cache, places, homes, frozenset(known.items()))
    readable = _outermost(wanted)
    if not trusted:
        own = [path for folder in dict.fromkeys((project.root, top)) for path in project_secrets(folder)]
        secrets = (*secrets, *_real(map(str, own)))
    hidden = _outermost(path for path in secrets if _is_below(path, readable))
    # What is needed and lies in a hidden folder, as the bytecode in the cache may.
    inner = [path for path in wanted if path in hidden or _is_below(path, hidden)]
    return Ground((*readable, *inner), tuple(path for path in hidden if path not in inner))


def _configured(root: Path, homes: Iterable[Path]) -> Path:
    """pytest's root, which it lists: above the project's if the configuration lies there, never a home's."""
    file = read_config(root).file
    if file is None or not root.is_relative_to(file.parent):
        return root
    return root if any(home.is_relative_to(file.parent) for home in homes) else file.parent


def repository(root: Path, homes: Iterable[Path]) -> Path:
    """The repository that the project lies in, since packages of one lean on each other; else the root.

    A repository of a whole home folder is none.
    """
    for folder in (root, *root.parents):
        if (folder / ".git").exists():
            return root if any(home.is_relative_to(folder) for home in homes) else folder
    return root


@lru_cache(maxsize=32)
def _machine(
    root: Path,
    top: Path,
    cache: Path,
    places: Places,
    homes: tuple[Path, ...],
    environ: frozenset[tuple[str, str]],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The places that are wanted and those that hold secrets, both real and existing."""
    with suppress(OSError):  # without it the tests start slower
        (cache / "pycache").mkdir(exist_ok=True)
    # pytest opens every file of these names on its way up from the root, and dies if it may not.
    above = (folder / name for folder in root.parents for name in READ_ABOVE)
    wanted = [
        *_system_folders(),
        *_installation(places.prefixes, homes),
        *_narrow(places.paths, homes),
        *_narrow(map(str, read_config(root).import_folders()), homes),
        *(str(file) for file in above if file.is_file()),
        str(top),
        str(root),
        str(program(cache)),
        str(cache / "pycache"),
    ]
    own = (cache, cache_dir(), config_dir())
    secrets = (str(path) for home in homes for path in hidden_paths(dict(environ), home, own=own))
    return tuple(_real(wanted)), tuple(_real(secrets))


def user_homes(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The home that the environment names and the one that the system knows."""
    found = [environ.get("HOME") or environ.get("USERPROFILE") or ""]
    if pwd is not None:
        with suppress(KeyError):  # a user of a container that has no entry
            found.append(pwd.getpwuid(os.getuid()).pw_dir)
    return tuple(dict.fromkeys(Path(home) for home in found if os.path.isabs(home)))


def _system_folders() -> tuple[str, ...]:
    if sys.platform == "win32":
        return WINDOWS
    return MAC if sys.platform == "darwin" else LINUX


def _installation(prefixes: Iterable[str], homes: Iterable[Path]) -> Iterator[str]:
    """The prefixes, of one that is as wide as a home (or ~/.local) only the folders of an installation."""
    wide = [place for home in homes for place in (home, home / ".local")]
    for prefix in prefixes:
        if any(place.is_relative_to(prefix) for place in wide):
            yield from (os.path.join(prefix, name) for name in INSTALLED)
        else:
            yield prefix


def _narrow(paths: Iterable[str], homes: Iterable[Path]) -> list[str]:
    """The paths without those that hold a home: PYTHONPATH=~ must not open it."""
    return [path for path in paths if not any(home.is_relative_to(path) for home in homes)]


def _real(paths: Iterable[str]) -> list[str]:
    """The real paths of those that exist."""
    found = (os.path.realpath(path) for path in paths)
    return list(dict.fromkeys(path for path in found if os.path.exists(path)))


def _outermost(paths: Iterable[str]) -> list[str]:
    """Without those that lie below another one."""
    given = sorted(set(paths))
    return [path for path in given if not _is_below(path, given)]


def _is_below(path: str, folders: Iterable[str]) -> bool:
    return any(path != folder and path.startswith(folder.rstrip(os.sep) + os.sep) for folder in folders)
