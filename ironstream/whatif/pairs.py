"""Finds to each result of one version that of the other. Pure, and bounded in memory."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
BEFORE: Final = 0
AFTER: Final = 1
SIDES: Final = (BEFORE, AFTER)
_Waiting = int | tuple[int, ...]
"""A digest; several where a key came again."""
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
        self._waiting: tuple[dict[K, _Waiting], dict[K, _Waiting]] = ({}, {})

    def add(self, side: int, key: K, digest: int) -> None:
        """Take a result of a side. A key that comes again on a side is another result, paired in the order of both."""
        others = self._waiting[1 - side]
        other = others.pop(key, None)
        if other is None:
            own = self._waiting[side]
            before = own.get(key)
            own[key] = digest if before is None else (*_all(before), digest)
            if len(own) > self._most:
                oldest = next(iter(own))
                self._alone(side, oldest, own.pop(oldest))
            return
        first, *more = _all(other)
        if more:
            others[key] = tuple(more)
        if first != digest:
            self._changed(key)

    def settle(self) -> None:
        """No counterpart comes any more for what is here."""
        for side, waiting in enumerate(self._waiting):
            for key, digests in waiting.items():
                self._alone(side, key, digests)
            waiting.clear()

    def _alone(self, side: int, key: K, digests: _Waiting) -> None:
        for _ in _all(digests):
            self._lone(side, key)


def _all(waiting: _Waiting) -> tuple[int, ...]:
    return waiting if isinstance(waiting, tuple) else (waiting,)
