"""Finds to each result of one version that of the other. Pure, and bounded in memory."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
BEFORE: Final = 0
AFTER: Final = 1
SIDES: Final = (BEFORE, AFTER)
_WAITING_MAX: Final = 200_000
"""About 50 MB on a side. Results of one record come together: what waits for long has no counterpart."""


class Pairs(Generic[K]):
    """Results by key, from two sides in any order; of equal ones nothing is kept, of others nothing but a digest.

    `lone(side, key)` is told of results without a counterpart, `changed(key)` of pairs that are not equal. Beyond
    `most` that wait on a side, the oldest counts as one without a counterpart.
    """

    def __init__(self, lone: Callable[[int, K], None], changed: Callable[[K], None], most: int = _WAITING_MAX) -> None:
        self._lone = lone
        self._changed = changed
        self._most = most
        self._waiting: tuple[dict[K, int], dict[K, int]] = ({}, {})

    def add(self, side: int, key: K, digest: int) -> None:
        """Take a result of a side."""
        other = self._waiting[1 - side].pop(key, None)
        if other is None:
            own = self._waiting[side]
            own[key] = digest
            if len(own) > self._most:
                oldest = next(iter(own))
                del own[oldest]
                self._lone(side, oldest)
        elif other != digest:
            self._changed(key)

    def settle(self) -> None:
        """No counterpart comes any more for what is here."""
        for side, waiting in enumerate(self._waiting):
            for key in waiting:
                self._lone(side, key)
            waiting.clear()
