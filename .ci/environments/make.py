"""Makes the environments that the runner is tested in, as users have them, below `$VIRTUAL_ENV/environments`.

Run by the Python of that virtual environment. `plugins` has pytest with many plugins;
`py3.9-pytest7.0.1` and its like have pytest alone, one for each interpreter that is on
this machine. What is there already and has not changed is left alone, without network.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
PLACE = Path(sys.prefix, "environments")
TOO_OLD = (3, 8)
PYTESTS = {
    (3, 9): ("7.0.1", "8.4.2"),
    (3, 10): ("7.4.4",),
    (3, 11): ("8.0.2",),
    (3, 12): ("8.4.2",),
    (3, 13): ("9.2.0",),
    (3, 14): ("8.4.2", "9.2.0"),
}
OLD_PLUGINS = (3, 9)
"""What `plugins-old.txt` is for."""


@dataclass(frozen=True)
class Environment:
    """A folder below PLACE, the interpreter that it is of, and what pip is asked to install, in its words."""

    name: str
    python: Path
    wanted: tuple[str, ...]

    @property
    def folder(self) -> Path:
        return PLACE / self.name

    @property
    def stamp(self) -> str:
        """Changes with all that the environment is made from, and with the place that it is in."""
        files = [Path(word).read_text() for word in self.wanted if word.endswith(".txt")]
        text = "\0".join([str(self.folder), str(self.python), *self.wanted, *files])
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def ready(self) -> bool:
        stamp = self.folder / "installed"
        return stamp.is_file() and stamp.read_text() == self.stamp and (self.folder / "bin/python").exists()

    def make(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        _run(self.python, "-m", "venv", "--without-pip", self.folder)
        if self.wanted:
            pip = ("-m", "pip", "--python", self.folder / "bin/python", "--disable-pip-version-check")
            _run(sys.executable, *pip, "install", "--quiet", *self.wanted)
            # Loads every plugin once: pytest keeps what it rewrites of them, which is slow to make.
            _run(
                self.folder / "bin/python", "-m", "pytest", "--version", "--version", "-p", "no:cacheprovider"
            )
        (self.folder / "installed").write_text(self.stamp)


def _run(*command: str | Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}
    ran = subprocess.run(
        command, env=env, cwd=PLACE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if ran.returncode:
        raise SystemExit(f"{ran.stdout}\n{' '.join(map(str, command))} failed with status {ran.returncode}")


def interpreters() -> dict[tuple[int, int], Path]:
    """One interpreter that runs and can make environments for every version that is found here."""
    found: dict[tuple[int, int], Path] = {}
    for version in (TOO_OLD, *PYTESTS):
        python = next(filter(_works, _candidates("{}.{}".format(*version))), None)
        if python is not None:
            found[version] = python
    return found


def _candidates(version: str) -> Iterator[Path]:
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/python"), reverse=True)
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or Path.home() / ".local/share/uv/python")
    yield from sorted(uv.glob(f"cpython-{version}.*/bin/python{version}"), reverse=True)
    for folder in os.get_exec_path():
        # What pyenv puts there stands for whatever version the folder asks for.
        if Path(folder).name != "shims":
            yield Path(folder, f"python{version}")


def _works(python: Path) -> bool:
    command = [str(python), "-c", "import venv, ctypes"]
    return python.exists() and subprocess.run(command, capture_output=True, check=False).returncode == 0


def environments(found: dict[tuple[int, int], Path]) -> list[Environment]:
    """All that can be made here, those first that take longest."""
    base = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    made = [Environment("plugins", base, ("-r", str(HERE / "plugins.txt")))]
    if OLD_PLUGINS in found:
        made.append(Environment("plugins-old", found[OLD_PLUGINS], ("-r", str(HERE / "plugins-old.txt"))))
    for version, python in found.items():
        name = "py{}.{}".format(*version)
        for pytest in PYTESTS.get(version, ()):
            wanted = ("-c", str(HERE / "pytest.txt"), f"pytest=={pytest}")
            made.append(Environment(f"{name}-pytest{pytest}", python, wanted))
        if version == TOO_OLD:
            made.append(Environment(f"{name}-too-old", python, ()))
    return made


def main() -> None:
    if sys.prefix == sys.base_prefix:
        raise SystemExit(
            "this makes environments inside of a virtual environment: run it with that one's Python"
        )
    found = interpreters()
    wanted = environments(found)
    PLACE.mkdir(exist_ok=True)
    names = {environment.name for environment in wanted}
    for folder in PLACE.iterdir():
        if folder.name not in names:
            shutil.rmtree(folder)
    missing = [environment for environment in wanted if not environment.ready]
    if missing:
        print(f"Making {len(missing)} environments for the runner's tests ...", flush=True)
        with ThreadPoolExecutor(max_workers=2) as pool:
            list(pool.map(Environment.make, missing))
        absent = ["{}.{}".format(*version) for version in PYTESTS if version not in found]
        if absent:
            print(f"Not on this machine, so not tested with: Python {', '.join(absent)}", flush=True)


main()
