"""The log file. Never the text of a document, a key, or parameters in full.

Records are written by a thread of their own, so a slow disk holds nothing up.
"""

from __future__ import annotations

import logging
import os
import queue
import sys
from logging.handlers import QueueHandler, QueueListener, RotatingFileHandler
from pathlib import Path
from typing import Any

from flowmill.paths import cache_dir

BYTES = 1 << 20
KEPT = 3
MOST_WAITING = 5_000
"""Records that are not written yet; more are dropped."""
OURS = ("flowmill", "flowmill_server")
FORM = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"


class _Queue(QueueHandler):
    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            return


class LogFile(logging.Handler):
    """Writes to a file that is opened with the first record, or to stderr if it cannot be."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path: Path | None = path
        self._wanted = path
        self._target: logging.Handler | None = None
        self.setFormatter(logging.Formatter(FORM))

    def use(self, path: Path) -> None:
        """Write there from the next record on."""
        self._wanted = path

    def emit(self, record: logging.LogRecord) -> None:
        if self._target is None or self.path != self._wanted:
            self._switch(self._wanted)
        assert self._target is not None
        self._target.emit(record)

    def _switch(self, path: Path) -> None:
        if self._target is not None:
            self._target.close()
        self.path = path
        self._target = _open(path)
        self._target.setFormatter(self.formatter)

    def close(self) -> None:
        if self._target is not None:
            self._target.close()
            self._target = None
        super().close()


class _Logs:
    """What this process logs to; there is one, as there is one `logging`."""

    def __init__(self) -> None:
        self.file: LogFile | None = None
        self.listener: QueueListener | None = None


_logs = _Logs()


def default() -> Path:
    """Where the log is until somebody wants it elsewhere."""
    return cache_dir() / "server.log"


def start(path: Path) -> None:
    """Log to this file from now on."""
    records: queue.Queue[Any] = queue.Queue(MOST_WAITING)
    _logs.file = LogFile(path)
    _logs.listener = QueueListener(records, _logs.file)
    _logs.listener.start()
    root = logging.getLogger()
    root.handlers[:] = [_Queue(records)]
    root.setLevel(logging.WARNING)
    verbose(False)


def use(path: str | Path) -> None:
    """Log to another file from now on; `~` is the user's home, `~nobody` a folder of that name. Does not touch the disk."""
    if _logs.file is not None:
        _logs.file.use(Path(os.path.abspath(os.path.expanduser(path))))


def verbose(on: bool) -> None:
    """Whether our own records tell every message by its name."""
    for name in OURS:
        logging.getLogger(name).setLevel(logging.DEBUG if on else logging.INFO)


def where() -> str:
    """The log as a user finds it: its path."""
    return "the server's log" if _logs.file is None else str(_logs.file._wanted)


def stop() -> None:
    """Write what is left."""
    if _logs.listener is not None:
        _logs.listener.stop()
        _logs.listener = None
    if _logs.file is not None:
        _logs.file.close()


def _open(path: Path) -> logging.Handler:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return RotatingFileHandler(
            path, maxBytes=BYTES, backupCount=KEPT - 1, encoding="utf-8", errors="backslashreplace"
        )
    except OSError as error:
        sys.stderr.write(f"flowmill server: {path}: {error.strerror}; logging to stderr\n")
        return logging.StreamHandler(sys.stderr)
