"""How long the broker gathers records before it answers a fetch: the longer, the busier the agents are."""

from __future__ import annotations

from typing import Final

LEAST_MS: Final = 20
MOST_MS: Final = 100
_LOOK_EVERY_S: Final = 0.25
_AT_EASE: Final = 0.15
_BUSY: Final = 0.45
"""Shares of the time that agents spend with chunks: up to the one the wait is the least, from the other on the most."""


class Gathering:
    """Finds the wait at which chunks are as small, and as young, as the worker can afford.

    A chunk of a few readings costs nearly what one of a hundred does. With little to do there is time for many small
    ones; the busier the agents, the longer the wait, and the larger the chunks. A backlog does not wait: the broker
    answers at once when it has enough.
    """

    def __init__(self) -> None:
        self._wait_ms = float(LEAST_MS)
        self._busy_s = 0.0
        self._looked_at_s: float | None = None

    def worked(self, seconds: float) -> None:
        """An agent has spent so long with a chunk."""
        self._busy_s += seconds

    def wait_ms(self, now_s: float) -> int:
        """How long to gather from now on (`now_s`: a monotonic clock)."""
        if self._looked_at_s is None:
            self._looked_at_s = now_s
        passed_s = now_s - self._looked_at_s
        if passed_s >= _LOOK_EVERY_S:
            excess = (self._busy_s / passed_s - _AT_EASE) / (_BUSY - _AT_EASE)
            wanted = LEAST_MS + (MOST_MS - LEAST_MS) * min(max(excess, 0.0), 1.0)
            # Half of the way each time: a longer wait makes less work, which would ask for a shorter one.
            self._wait_ms += (wanted - self._wait_ms) / 2
            self._busy_s, self._looked_at_s = 0.0, now_s
        return round(self._wait_ms)
