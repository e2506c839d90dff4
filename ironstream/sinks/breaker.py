"""Circuit breaker of a target: after some failures nobody tries for a while, then one does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Final

from ironstream.gateway.schedule import backoff_s

OPENS_AFTER: Final = 5
"""Failures in a row."""


class Breaker:
    """Lets writers of one target through, or holds them back.

    Closed, everyone may try. After `OPENS_AFTER` failures in a row it is open: nobody tries until a pause is over,
    which doubles each time up to `max_s`. Then it is half open: one writer, the probe, tries; it closes or opens it
    again.
    """

    def __init__(self, initial_s: float = 1.0, max_s: float = 30.0, random: Random | None = None) -> None:
        self._initial_s = initial_s
        self._max_s = max_s
        self._random = random or Random()
        self._failures = 0
        self._opened = 0
        self._until: float | None = None
        self._probing = False
        self._changed = asyncio.Event()

    @property
    def is_open(self) -> bool:
        """Whether writers are held back; also while a probe is under way."""
        return self._until is not None

    async def admitted(self, abandoned: Callable[[], bool]) -> bool:
        """Wait until this writer may try; False as soon as it is `abandoned`. Report what came of it."""
        while not abandoned():
            if self._until is None:
                return True
            left_s = self._until - asyncio.get_running_loop().time()
            if left_s <= 0 and not self._probing:
                self._probing = True
                return True
            self._changed.clear()
            try:
                # woken now and then to see whether the writer still wants to
                await asyncio.wait_for(self._changed.wait(), min(max(left_s, 0.02), 0.25))
            except TimeoutError:
                continue
        return False

    def succeeded(self) -> None:
        """The target took what it was given, or refused it for what it holds: it is there."""
        self._failures = self._opened = 0
        self._until, self._probing = None, False
        self._changed.set()

    def failed(self, retry_after_s: float | None = None) -> float:
        """The target was not there. How long this writer is to wait before it asks again, in seconds.

        `retry_after_s`: what the target asked for itself holds for all writers.
        """
        self._failures += 1
        pause_s = backoff_s(self._failures - 1, self._random, self._initial_s, self._max_s)
        if self._failures >= OPENS_AFTER or retry_after_s is not None or self._probing:
            pause_s = backoff_s(self._opened, self._random, self._initial_s, self._max_s)
            pause_s = max(pause_s, retry_after_s or 0.0)
            self._opened += 1
            self._until = asyncio.get_running_loop().time() + pause_s
            self._probing = False
            self._changed.set()
            return 0.0
        return pause_s

    def let_go(self) -> None:
        """A writer that was admitted has not tried after all."""
        self._probing = False
        self._changed.set()
