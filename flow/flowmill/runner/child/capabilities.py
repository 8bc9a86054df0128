"""The powers of root, given up but for those that plain files need."""

from __future__ import annotations

import errno
import struct

from . import kernel as linux
from .kernel import Kernel

CHOWN, DAC_OVERRIDE, FOWNER, FSETID = 0, 1, 3, 4
SETPCAP, NET_ADMIN, SYS_ADMIN = 8, 12, 21
KEPT = 1 << CHOWN | 1 << DAC_OVERRIDE | 1 << FOWNER | 1 << FSETID
_VERSION_3 = 0x20080522
_CALLS = {"x86_64": (125, 126), "aarch64": (90, 91)}
_CLEAR_AMBIENT = 4


def effective(kernel: Kernel) -> int:
    """The capabilities that this thread has now, as bits."""
    return _read(kernel)[0]


def drop(kernel: Kernel) -> None:
    """Keep only KEPT of what there is, for good: exec gives nothing back. Raises OSError."""
    kernel.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    try:
        kernel.prctl(linux.PR_CAP_AMBIENT, _CLEAR_AMBIENT)
    except OSError as error:
        if error.errno != errno.EINVAL:  # older than Linux 4.3, which has no ambient set
            raise
    current, permitted = _read(kernel)
    if current >> SETPCAP & 1:
        _drop_bounding(kernel)
    if permitted & ~KEPT or current & ~KEPT:
        kept = permitted & KEPT
        low, high = kept & 0xFFFFFFFF, kept >> 32
        _call(kernel, 1, struct.pack("=6I", low, low, 0, high, high, 0))
    if effective(kernel) & ~KEPT:
        raise OSError(errno.EPERM, "capabilities are left")


def _drop_bounding(kernel: Kernel) -> None:
    for number in range(64):
        if KEPT >> number & 1:
            continue
        try:
            kernel.prctl(linux.PR_CAPBSET_DROP, number)
        except OSError as error:
            if error.errno == errno.EINVAL:
                return  # the last one that this kernel knows has been dropped
            raise


def _read(kernel: Kernel) -> tuple[int, int]:
    data = _call(kernel, 0, bytes(24))
    low_effective, low_permitted, _, high_effective, high_permitted, _ = struct.unpack("=6I", data)
    return low_effective | high_effective << 32, low_permitted | high_permitted << 32


def _call(kernel: Kernel, which: int, data: bytes) -> bytes:
    numbers = _CALLS.get(kernel.machine)
    if numbers is None:
        raise OSError(errno.ENOSYS, f"not known for {kernel.machine}")
    header, body = kernel.buffer(struct.pack("=Ii", _VERSION_3, 0)), kernel.buffer(data)
    kernel.call(numbers[which], kernel.address(header), kernel.address(body))
    return bytes(body.raw)
