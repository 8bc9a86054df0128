"""The bodies that the user discarded, so that the next run on that function is told of them."""

from __future__ import annotations

BODIES = 5
FUNCTIONS = 200


class Rejected:
    """The last few per function, for the life of the server."""

    def __init__(self) -> None:
        self._bodies: dict[tuple[str, str], tuple[str, ...]] = {}

    def add(self, uri: str, qualname: str, body: str) -> None:
        key = _key(uri, qualname)
        others = (known for known in self._bodies.pop(key, ()) if known != body)
        self._bodies[key] = (*others, body)[-BODIES:]
        while len(self._bodies) > FUNCTIONS:
            del self._bodies[next(iter(self._bodies))]

    def of(self, uri: str, qualname: str) -> tuple[str, ...]:
        """The newest last."""
        return self._bodies.get(_key(uri, qualname), ())


def _key(uri: str, qualname: str) -> tuple[str, str]:
    # The line after "@" moves with every edit above.
    return uri, qualname.partition("@")[0]
