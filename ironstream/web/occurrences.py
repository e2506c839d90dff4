"""Which occurrence of an alarm is the latest: by the order of the logs, never by the times that devices gave."""

from __future__ import annotations

from typing import Final, Generic, Protocol, TypeVar

_KEPT: Final = 8
"""Occurrences of one alarm: what a log repeats is not new."""


class Transition(Protocol):
    """What a log says of an occurrence."""

    @property
    def occurrence_id(self) -> str:
        """Which one it is."""

    @property
    def transition(self) -> int:
        """Its number within the occurrence."""


T = TypeVar("T", bound=Transition)


class Occurrences(Generic[T]):
    """Those of one alarm that were heard of last, the latest one last.

    Two logs tell of them, each in its own order: the table's rows, and the journal, which is ahead of the rows by what
    is not committed yet, or behind them while it is caught up with; and it may repeat itself. Of two that have rows the
    rows' order counts, else that in which the journal told of them last. Within an occurrence its transitions are
    numbered.
    """

    __slots__ = ("_known", "_order", "_rows")

    def __init__(self) -> None:
        self._order: list[str] = []
        self._known: dict[str, T] = {}
        self._rows: set[str] = set()

    def add(self, told: T, *, journal: bool) -> T:
        """Take what a log says; the latest occurrence as it is then."""
        one = told.occurrence_id
        known = self._known.get(one)
        if known is None or known.transition <= told.transition:
            self._known[one] = told
        if one not in self._order:
            self._order.append(one)
        elif journal:
            self._told_last(one)
        elif one not in self._rows:
            self._behind_rows(one)
        if not journal:
            self._rows.add(one)
        if len(self._order) > _KEPT:
            oldest = self._order.pop(0)
            del self._known[oldest]
            self._rows.discard(oldest)
        return self._known[self._order[-1]]

    def _told_last(self, one: str) -> None:
        at = self._order.index(one)
        after = (place for place in range(at + 1, len(self._order)) if self._order[place] in self._rows)
        until = next(after, len(self._order)) if one in self._rows else len(self._order)
        self._order.insert(until - 1, self._order.pop(at))

    def _behind_rows(self, one: str) -> None:
        at = self._order.index(one)
        last = max((place for place, other in enumerate(self._order) if other in self._rows), default=at)
        if last > at:
            self._order.insert(last, self._order.pop(at))
