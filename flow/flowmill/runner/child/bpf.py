"""Writes the programs that the kernel runs before a system call."""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable

from .syscalls import ARCHITECTURES, LATEST, numbers

LOAD, EQUAL, ABOVE, AT_LEAST, ANY_BIT, AND, RETURN = 0x20, 0x15, 0x25, 0x35, 0x45, 0x54, 0x06
ALLOW, ERRNO, ASK = 0x7FFF0000, 0x00050000, 0x7FC00000
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16
_X32 = 0x40000000

Instruction = tuple[int, int, int, int]


class Assembler:
    """Writes a program that looks at one call after the other; what none of them is gets allowed."""

    def __init__(self, machine: str) -> None:
        self._numbers = numbers(machine)
        self.code: list[Instruction] = [
            (LOAD, 0, 0, ARCHITECTURE),
            (EQUAL, 1, 0, ARCHITECTURES[machine]),
            (RETURN, 0, 0, ERRNO | errno.EPERM),
            (LOAD, 0, 0, NUMBER),
        ]
        if machine == "x86_64":
            self.code += [(AT_LEAST, 0, 1, _X32), (RETURN, 0, 0, ERRNO | errno.EPERM)]
        self.code += [(ABOVE, 0, 1, LATEST), (RETURN, 0, 0, ERRNO | errno.ENOSYS)]

    def answer(self, names: Iterable[str], error: int = errno.EPERM) -> None:
        """Answer these calls with that error; 0 is a success."""
        self._act(names, ERRNO | error)

    def ask(self, names: Iterable[str]) -> None:
        """Hand these calls to whoever holds the filter's listener."""
        self._act(names, ASK)

    def _act(self, names: Iterable[str], action: int) -> None:
        for name in names:
            self._block(name, [(RETURN, 0, 0, action)])

    def unless(
        self, names: Iterable[str], argument: int, values: Iterable[int], mask: int | None = None
    ) -> None:
        """Refuse these calls unless the argument, under the mask, is one of the values."""
        self._by_value(names, argument, values, mask, (ALLOW, ERRNO | errno.EPERM))

    def when(
        self, names: Iterable[str], argument: int, values: Iterable[int], mask: int | None = None
    ) -> None:
        """Refuse these calls if the argument, under the mask, is one of the values."""
        self._by_value(names, argument, values, mask, (ERRNO | errno.EPERM, ALLOW))

    def _by_value(
        self,
        names: Iterable[str],
        argument: int,
        values: Iterable[int],
        mask: int | None,
        actions: tuple[int, int],
    ) -> None:
        body = load(argument) + ([] if mask is None else [(AND, 0, 0, mask)])
        for value in values:
            body += [(EQUAL, 0, 1, value & 0xFFFFFFFF), (RETURN, 0, 0, actions[0])]
        body.append((RETURN, 0, 0, actions[1]))
        for name in names:
            self._block(name, body)

    def custom(self, name: str, body: list[Instruction]) -> None:
        """Let the body, which must return on every way, decide about this call."""
        self._block(name, body)

    def _block(self, name: str, body: list[Instruction]) -> None:
        number = self._numbers.get(name)
        if number is not None:
            self.code += [(EQUAL, 0, len(body), number), *body]

    def finish(self) -> bytes:
        return b"".join(struct.pack("=HBBI", *line) for line in [*self.code, (RETURN, 0, 0, ALLOW)])


def load(argument: int) -> list[Instruction]:
    """Take up the lower half of an argument, all that counts of an int (both machines are little-endian)."""
    return [(LOAD, 0, 0, ARGUMENTS + 8 * argument)]


def answers(values: Iterable[int], error: int) -> list[Instruction]:
    """Answer with the error if what is taken up is one of the values."""
    lines: list[Instruction] = []
    for value in values:
        lines += [(EQUAL, 0, 1, value & 0xFFFFFFFF), (RETURN, 0, 0, ERRNO | error)]
    return lines
