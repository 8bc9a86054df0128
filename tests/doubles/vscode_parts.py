"""Where the real VS Code is, and how it is started: code-server, Chromium, the built extension."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
EXTENSION = REPOSITORY / "editors" / "vscode"
VSIX = EXTENSION / "dist" / "flowmill.vsix"
DRIVER = REPOSITORY / "tests" / "editors" / "vscode" / "driver.mjs"
START_SECONDS = 90.0
_LISTENS = re.compile(r"HTTP server listening on (http://\S+)")


@dataclass(frozen=True, slots=True)
class Installed:
    """The programs that a real VS Code takes."""

    node: str
    chromium: str
    code_server: Path
    playwright: Path


def editors_folder() -> Path:
    """Where `.ci/editors/vscode.sh` puts what it installs."""
    given = os.environ.get("FLOWMILL_EDITORS_DIR")
    return Path(given) if given else Path.home() / ".cache" / "flowmill-editors"


def missing() -> str:
    """Why VS Code cannot be tried here, "" if it can."""
    try:
        installed()
    except FileNotFoundError as error:
        return str(error)
    return ""


def installed() -> Installed:
    """Raises `FileNotFoundError` that says what to run."""
    node = shutil.which("node")
    chromium = next(
        (
            found
            for name in ("chromium", "chromium-browser", "google-chrome")
            if (found := shutil.which(name))
        ),
        None,
    )
    modules = editors_folder() / "node_modules"
    entry, playwright = modules / "code-server/out/node/entry.js", modules / "playwright-core"
    if node is None or chromium is None:
        raise FileNotFoundError("node or chromium is not installed")
    if not entry.exists() or not playwright.exists():
        raise FileNotFoundError(
            "no VS Code: .ci/editors/vscode.sh installs it, FLOWMILL_EDITORS_DIR says where"
        )
    if not VSIX.exists():
        raise FileNotFoundError("the extension is not built: npm ci && npm run package in editors/vscode")
    return Installed(node, chromium, entry, playwright)


class Wire:
    """The driver's process: one question at a time."""

    def __init__(self, found: Installed) -> None:
        command = [found.node, str(DRIVER), str(found.playwright), found.chromium]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, op: str, **arguments: object) -> Any:
        """The driver's answer. Raises `AssertionError` with what the browser said."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"op": op, **arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the driver ended"
        answer = json.loads(line)
        if "error" in answer:
            raise AssertionError(f"{op} {arguments}: {answer['error']}")
        return answer["value"]

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


class CodeServer:
    """One code-server with the extension, for any number of windows."""

    def __init__(
        self, found: Installed, folder: Path, env: Mapping[str, str], extensions: tuple[Path, ...] = (VSIX,)
    ) -> None:
        self.folder = folder
        self._data = folder / "data"
        self._entry = [found.node, str(found.code_server)]
        self._places = ["--user-data-dir", str(self._data), "--extensions-dir", str(folder / "extensions")]
        self._env = {**os.environ, **env}
        self._process: subprocess.Popen[str] | None = None
        self._drain: threading.Thread | None = None
        self.settings: dict[str, object] = {}
        self.address = ""
        for place in (self._data, folder / "extensions"):
            place.mkdir(parents=True, exist_ok=True)
        for extension in extensions:
            self._install(extension)

    def _install(self, vsix: Path) -> None:
        command = [*self._entry, *self._places, "--install-extension", str(vsix)]
        done = subprocess.run(command, env=self._env, capture_output=True, text=True, timeout=START_SECONDS)
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self, *more: str) -> None:
        """Listen on a free port of this machine."""
        quiet = [
            "--auth",
            "none",
            "--disable-telemetry",
            "--disable-update-check",
            "--disable-getting-started-override",
        ]
        command = [*self._entry, *self._places, *quiet, "--bind-addr", "127.0.0.1:0", *more]
        self._process = subprocess.Popen(
            command,
            env=self._env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        said: list[str] = []
        for line in self._process.stdout:
            said.append(line)
            if found := _LISTENS.search(line):
                self.address = found[1].rstrip("/")
                # A pipe that nobody reads stops its writer.
                self._drain = threading.Thread(target=self._process.stdout.read, daemon=True)
                self._drain.start()
                return
        raise AssertionError("code-server did not start:\n" + "".join(said))

    def configure(self, **settings: object) -> None:
        """Write the user's settings: of a remote window, which a browser's is, and of the machine that it is on."""
        self.settings |= settings
        for whose in ("User", "Machine"):
            path = self._data / whose / "settings.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(self.settings))

    def log(self, name: str) -> str:
        """The newest log whose path ends so, of all windows together."""
        found = sorted(self._data.glob(f"logs/**/{name}"), key=lambda path: path.stat().st_mtime)
        return "\n".join(path.read_text(errors="replace") for path in found)

    def stop(self) -> None:
        if self._process is None:
            return
        # Its extension hosts would stay for hours, in case that their window comes back.
        for number in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
        if self._drain is not None and self._process.stdout is not None:
            self._drain.join(10)
            self._process.stdout.close()
