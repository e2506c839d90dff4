"""Rows of one table held in memory for as long as the partition is owned."""

from __future__ import annotations

from typing import TypeVar

from ironstream.engine.api import Store
from tables.rows import RowLayout

T = TypeVar("T")


class LiveRows(dict[str, T]):
    """All rows of one table by name, as restored; `flush` writes those set or deleted since the last one.

    Change rows by item assignment and deletion alone, or the change stays unwritten.
    """

    def __init__(self, layout: RowLayout[T], store: Store) -> None:
        super().__init__((layout.name_of(key), layout.unpack(data)) for key, data in store.scan(layout.prefix))
        self._layout = layout
        self._store = store
        self._changed: dict[str, None] = {}

    def __setitem__(self, name: str, row: T) -> None:
        super().__setitem__(name, row)
        self._changed[name] = None

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        self._changed[name] = None

    def flush(self) -> None:
        """Put every changed row into the store, and delete there those that are gone."""
        for name in self._changed:
            if name in self:
                self._store.put(self._layout.key(name), self._layout.pack(self[name]))
            else:
                self._store.delete(self._layout.key(name))
        self._changed.clear()
