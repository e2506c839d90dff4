"""The log's clock as this process can know it: what the broker's clock is ahead of its own."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final

_KEPT: Final = 24
"""Observations: the least delayed of about two minutes of heartbeats."""


class LogTime:
    """Now, by the broker's clock. `wall` is this machine's in seconds; where nothing was heard yet, that counts."""

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self._ahead_ms: deque[float] = deque(maxlen=_KEPT)

    def heard(self, appended_ms: float) -> None:
        """A record that was just appended, at this time of the broker's, has been read."""
        self._ahead_ms.append(appended_ms - self._wall() * 1000)

    def now_ms(self) -> float:
        """ms since the epoch."""
        # a record is read after it was appended: of several differences the largest has the least delay in it
        return self._wall() * 1000 + max(self._ahead_ms, default=0.0)
