"""Circuit breaker of a target: after some failures nobody tries for a while, then one does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final

from ironstream.gateway.schedule import backoff_s

OPENS_AFTER: Final = 5
"""Failures in a row."""
LONGEST_RETRY_AFTER_S: Final = 3600.0
"""However long a target wants to be left alone, it is asked again after this: it may have been a slip."""
_LOOK_S: Final = 0.25


@dataclass(frozen=True, slots=True)
class Admission:
    """Leave to try once, to be given back with what came of it. `probe`: alone, while the breaker is half open."""

    probe: bool


class Breaker:
    """Lets writers of one target through, or holds them back.

    Closed, everyone may try. After `OPENS_AFTER` failures in a row it is open: nobody tries until a pause is over,
    which doubles each time up to `max_s`. Then it is half open: one writer, the probe, tries; it closes or opens it
    again. What becomes of writers who were on their way when it opened says nothing new.

    A failure that made progress is as good as a success with a failure after it: a busy target that takes a part at
    each try is not left alone for longer and longer. A request that always fails makes none, and opens it as ever.
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

    async def admitted(self, abandoned: Callable[[], bool]) -> Admission | None:
        """Wait until this writer may try; None as soon as it is `abandoned`. It is to be given back, once."""
        while not abandoned():
            if self._until is None:
                return Admission(probe=False)
            left_s = self._until - asyncio.get_running_loop().time()
            if left_s <= 0 and not self._probing:
                self._probing = True
                return Admission(probe=True)
            self._changed.clear()
            # woken now and then to see whether the writer still wants to
            pause_s = _LOOK_S if self._probing else min(left_s, _LOOK_S)
            try:
                await asyncio.wait_for(self._changed.wait(), pause_s)
            except TimeoutError:
                continue
        return None

    def succeeded(self, admission: Admission) -> None:
        """The target took what it was given, or refused it for what it holds: it is there."""
        if self.is_open and not admission.probe:
            # The target may have asked to be left alone meanwhile: the probe is to find out.
            return
        self._failures = self._opened = 0
        self._until, self._probing = None, False
        self._changed.set()

    def failed(self, admission: Admission, retry_after_s: float | None = None, *, progressed: bool = False) -> float:
        """The target was not there. How long this writer is to wait before it asks again, in seconds.

        `retry_after_s`: what the target asked for itself holds for all writers, up to `LONGEST_RETRY_AFTER_S`.
        `progressed`: before it failed, the target took something that it had not taken before.
        """
        now = asyncio.get_running_loop().time()
        asked_s = min(max(0.0, retry_after_s or 0.0), LONGEST_RETRY_AFTER_S)
        if self._until is not None and not admission.probe:
            self._until = max(self._until, now + asked_s)
            return 0.0
        if progressed:
            self.succeeded(admission)
        self._failures += 1
        if self._failures < OPENS_AFTER and retry_after_s is None and not self.is_open:
            return backoff_s(self._failures - 1, self._random, self._initial_s, self._max_s)
        self._until = now + max(asked_s, backoff_s(self._opened, self._random, self._initial_s, self._max_s))
        self._opened += 1
        self._probing = False
        self._changed.set()
        return 0.0

    def let_go(self, admission: Admission) -> None:
        """A writer that was admitted has not tried after all."""
        if admission.probe:
            self._probing = False
            self._changed.set()
