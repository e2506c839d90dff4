"""The keys of an agent's tables in order, kept while rows come and go: a page of a table needs no look at the rest."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import Final

from ironstream.engine.changelog import Row
from tables.views import VIEWS, TableView

Place = tuple[str, int, bytes]
"""What is shown of a key, its partition, and the key in the changelog."""
_PREFIX: Final = 2


class KeyIndex:
    """Keys of the tables of one agent. A table is sorted when it is asked for and its keys have changed since."""

    def __init__(self, agent: str) -> None:
        self._views = {view.prefix: view for view in VIEWS if view.agent == agent}
        self._keys: dict[bytes, set[tuple[int, bytes]]] = {prefix: set() for prefix in self._views}
        self._sorted: dict[bytes, list[Place]] = {}

    def take(self, changed: Iterable[tuple[int, Row]]) -> None:
        """Take rows that became final."""
        for partition, (key, value) in changed:
            prefix = key[:_PREFIX]
            keys = self._keys.get(prefix)
            if keys is None:
                continue
            place = partition, key
            if (value is None) is (place in keys):
                (keys.remove if value is None else keys.add)(place)
                self._sorted.pop(prefix, None)

    def count(self, view: TableView) -> int:
        """Rows of a table."""
        return len(self._keys[view.prefix])

    def after(self, view: TableView, place: Place | None, begins: str) -> Iterator[Place]:
        """Places in their order behind `place`, of keys that begin with `begins`."""
        ordered = self._sorted.get(view.prefix)
        if ordered is None:
            ordered = sorted((view.key_of(key), partition, key) for partition, key in self._keys[view.prefix])
            self._sorted[view.prefix] = ordered
        at = bisect_left(ordered, (begins, -1, b"")) if place is None else bisect_right(ordered, place)
        while at < len(ordered) and ordered[at][0].startswith(begins):
            yield ordered[at]
            at += 1
