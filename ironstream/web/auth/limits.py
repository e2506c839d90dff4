"""How much one who asks may ask: token buckets, by principal or address."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

_MOST: Final = 10_000


class Buckets:
    """A bucket for each key: `burst` at once, `rate_per_s` after that. Those unused longest are forgotten."""

    def __init__(
        self, rate_per_s: float, burst: float, clock: Callable[[], float] = time.monotonic, most: int = _MOST
    ) -> None:
        self._rate_per_s = rate_per_s
        self._burst = burst
        self._clock = clock
        self._most = most
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> float:
        """Take one; 0, or how many seconds to wait until there is one again. Nothing is taken then."""
        now = self._clock()
        left, then = self._left.get(key, (self._burst, now))
        left = min(self._burst, left + (now - then) * self._rate_per_s)
        wait_s = 0.0 if left >= 1 else (1 - left) / self._rate_per_s
        self._left[key] = (left if wait_s else left - 1, now)
        self._left.move_to_end(key)
        if len(self._left) > self._most:
            self._left.popitem(last=False)
        return wait_s
