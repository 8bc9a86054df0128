"""Where the editor is: at the other end of stdin and stdout, or of a TCP connection."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass

from flowmill.errors import UsageError

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Channel:
    """`read` gives some bytes, b"" at the end; `write` takes all; both may block and raise OSError."""

    read: Callable[[int], bytes]
    write: Callable[[bytes], None]


def stdio() -> Channel:
    """Take stdin and stdout for the protocol alone.

    Afterwards descriptor 1 is stderr and descriptor 0 is empty, for us and for every child, so
    that nothing that prints or reads can get between the editor and the server.
    """
    try:
        source, sink = os.dup(0), os.dup(1)
    except OSError:
        raise UsageError("flowmill server speaks on stdin and stdout, and one of them is closed") from None
    if sys.stdin and sys.stdin.isatty():
        sys.stderr.write("flowmill server: waiting for an editor on stdin; --help says more\n")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    if not _is_open(2):
        os.dup2(nothing, 2)
    os.close(nothing)
    os.dup2(2, 1)
    return Channel(lambda size: os.read(source, size), lambda data: _write_all(sink, data))


def accept(host: str, port: int) -> Channel:
    """Wait for one editor there; the address goes to stderr, with the port that was chosen for 0."""
    try:
        listener = socket.create_server((host, port), family=_family(host))
    except (OSError, OverflowError) as error:
        raise UsageError(f"--tcp {host}:{port}: cannot listen there: {_reason(error)}") from None
    with listener:
        shown = f"[{host}]" if ":" in host else host
        sys.stderr.write(f"listening on {shown}:{listener.getsockname()[1]}\n")
        sys.stderr.flush()
        connection, _ = listener.accept()
    # Small messages both ways: waiting to fill a packet would cost 40 ms each.
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Channel(connection.recv, connection.sendall)


def address(text: str) -> tuple[str, int]:
    """HOST:PORT, :PORT or PORT; without a host it is loopback."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    digits = port.isascii() and port.isdigit()
    if not digits or int(port) > 65535 or (host.count(":") and "[" not in text):
        raise UsageError(f"--tcp {text}: must be HOST:PORT, such as {LOOPBACK}:0 for any free port")
    return (host if colon and host else LOOPBACK), int(port)


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else "") or str(error)


def _is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
