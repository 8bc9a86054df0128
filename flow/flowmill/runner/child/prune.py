"""Leaves out, while a module is collected, what the order has no test of.

A large module has hundreds of tests, and each takes long to be made only to be dropped.
`python -m pytest IDS` does not make them either.
"""

from __future__ import annotations

import os
from typing import Any

from .collect import lineage, plain_id
from .order import Order


class Pruner:
    """Knows by their names which functions and classes of a module hold a test that is wanted."""

    def __init__(self, order: Order) -> None:
        entries = {entry.rstrip("/") for entry in order.keep}
        self._entries = entries | {plain_id(entry).rstrip("/") for entry in order.keep}
        self._above = {name for entry in self._entries for name in lineage(entry)}
        self._known: dict[str, tuple[bool, list[str]]] = {}
        self._all = not order.keep or bool(order.zygote)

    def wants(self, collector: Any, name: str) -> bool:
        if self._all:
            return True
        whole, places = self._places(collector)
        return whole or any(f"{place}::{name}" in self._above for place in places)

    def _places(self, collector: Any) -> tuple[bool, list[str]]:
        """Whether all of it is wanted, and the names that stand for it (see `collect.names_of`)."""
        node_id: str = collector.nodeid
        if node_id not in self._known:
            home = os.path.relpath(str(collector.config.rootpath), os.getcwd())
            places = [node_id, plain_id(os.path.join(home, node_id))]
            above = {name for place in places for name in lineage(place)}
            self._known[node_id] = not above.isdisjoint(self._entries), places
        return self._known[node_id]
