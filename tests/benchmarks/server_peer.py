"""A language server's process and everything that it says, each message with the moment when it came."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, TypeAlias

Json: TypeAlias = dict[str, Any]
CAPABILITIES: Json = {
    "general": {"positionEncodings": ["utf-16"]},
    "window": {"workDoneProgress": True},
    "workspace": {"applyEdit": True, "workspaceEdit": {"documentChanges": True}, "configuration": True},
    "textDocument": {
        "codeAction": {
            "codeActionLiteralSupport": {
                "codeActionKind": {"valueSet": ["", "quickfix", "refactor", "refactor.rewrite", "source"]}
            },
            "disabledSupport": True,
        },
        "publishDiagnostics": {"relatedInformation": True, "versionSupport": True},
    },
}
PATIENCE = 120.0


class Peer:
    """Asked from one thread, read by another: a message is stamped when it comes, not when it is wanted."""

    def __init__(
        self, name: str, command: Sequence[str], folder: Path, environ: Mapping[str, str], errors: IO[bytes]
    ) -> None:
        self.name = name
        self.folder = folder
        self.process = subprocess.Popen(
            command, cwd=folder, env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        )
        self.got: list[tuple[float, Json]] = []
        self.settings: Json = {}
        self._number = 0
        self._versions: dict[str, int] = {}
        self._news = threading.Condition()
        self._sending = threading.Lock()
        threading.Thread(target=self._listen, daemon=True).start()

    # ------------------------------------------------------------------ out
    def tell(self, method: str, params: object) -> None:
        self._send({"method": method, "params": params})

    def begin(self, method: str, params: object) -> int:
        self._number += 1
        self._send({"id": self._number, "method": method, "params": params})
        return self._number

    def ask(self, method: str, params: object) -> Any:
        """The result of a request. Raises `RuntimeError` for an error."""
        answer = self.answered(self.begin(method, params))[1]
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def command(self, name: str, argument: object = None) -> Any:
        arguments = [] if argument is None else [argument]
        return self.ask("workspace/executeCommand", {"command": name, "arguments": arguments})

    def initialize(self, options: Json | None = None) -> None:
        folders = [{"uri": self.folder.as_uri(), "name": "work"}]
        root = {"rootUri": self.folder.as_uri(), "workspaceFolders": folders}
        params: Json = {"processId": os.getpid(), "capabilities": CAPABILITIES, **root}
        self.ask("initialize", {**params, "initializationOptions": options})
        self.tell("initialized", {})

    def open(self, name: str) -> str:
        """The document's address."""
        path = self.folder / name
        self._versions[path.as_uri()] = 1
        item = {"uri": path.as_uri(), "languageId": "python", "version": 1, "text": path.read_text("utf-8")}
        self.tell("textDocument/didOpen", {"textDocument": item})
        return path.as_uri()

    def type_in(self, uri: str, line: int, old: str, new: str) -> None:
        """Replace `old`, all of one line, at the beginning of that line by `new`."""
        self._versions[uri] += 1
        extent = {"start": {"line": line, "character": 0}, "end": {"line": line, "character": len(old)}}
        document = {"uri": uri, "version": self._versions[uri]}
        change = {"range": extent, "text": new}
        self.tell("textDocument/didChange", {"textDocument": document, "contentChanges": [change]})

    def end(self) -> None:
        self.ask("shutdown", None)
        self.tell("exit", None)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def _send(self, message: Json) -> None:
        assert self.process.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        with self._sending:
            self.process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
            self.process.stdin.flush()

    # ------------------------------------------------------------------ in
    def answered(self, number: int) -> tuple[float, Json]:
        return self.first(lambda m: "method" not in m and m.get("id") == number)

    def first(self, fits: Callable[[Json], object], after: int = 0) -> tuple[float, Json]:
        """The first message that fits and the moment when it came, of those after the first `after`."""
        deadline, place = time.perf_counter() + PATIENCE, after
        with self._news:
            while True:
                while place < len(self.got):
                    if fits(self.got[place][1]):
                        return self.got[place]
                    place += 1
                left = deadline - time.perf_counter()
                if left <= 0 or self.process.poll() is not None:
                    raise TimeoutError(f"{self.name} did not say it; its last were {self.got[-3:]}")
                self._news.wait(min(left, 1.0))

    def forget(self) -> None:
        """Let go of what came so far."""
        with self._news:
            self.got.clear()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        while (message := _read(self.process.stdout)) is not None:
            came = time.perf_counter()
            if "method" in message and "id" in message:
                self._send({"id": message["id"], "result": self._answer(message)})
            with self._news:
                self.got.append((came, message))
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def _answer(self, message: Json) -> object:
        """Settings as they are here; nothing to everything else."""
        if message["method"] != "workspace/configuration":
            return None
        return [self.settings] * len(message["params"]["items"])


def _read(stream: IO[bytes]) -> Json | None:
    length = 0
    while line := stream.readline().strip():
        name, _, value = line.partition(b":")
        length = int(value) if name.lower() == b"content-length" else length
    return json.loads(stream.read(length)) if length else None
