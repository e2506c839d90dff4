"""What costs much is done a little at a time, and kept for a moment: whoever asks waits in line, or comes back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

from ironstream.web.plant import Plant
from ironstream.web.problems import ApiError

T = TypeVar("T")
_AT_ONCE: Final = 2
_PATIENCE_S: Final = 10.0
_MOST_KEPT: Final = 32


@dataclass
class _Work:
    """Of one plant: the places, and what was made lately, with when it is to be made anew."""

    places: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_AT_ONCE))
    making: dict[Any, tuple[asyncio.Lock, int]] = field(default_factory=dict)
    """With how many ask for it just now."""
    made: dict[Any, tuple[float, Any]] = field(default_factory=dict)

    def keep(self, key: Any, for_s: float, thing: Any) -> None:
        """Keep what was made for so long, and not longer: it may be large."""
        self.made.pop(key, None)
        made = self.made[key] = time.monotonic() + for_s, thing
        asyncio.get_running_loop().call_later(for_s, self._forget, key, made)
        while len(self.made) > _MOST_KEPT:
            del self.made[next(iter(self.made))]

    def _forget(self, key: Any, made: tuple[float, Any]) -> None:
        if self.made.get(key) is made:
            del self.made[key]


_works: WeakKeyDictionary[Plant, _Work] = WeakKeyDictionary()


def _work(plant: Plant) -> _Work:
    return _works.setdefault(plant, _Work())


@asynccontextmanager
async def heavy(plant: Plant) -> AsyncIterator[None]:
    """One of the two places for heavy work of a plant. Raises ApiError (503) when none is free within 10 s."""
    places = _work(plant).places
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await places.acquire()
    except TimeoutError as error:
        raise ApiError(
            503, "Others ask for much just now.", "Ask again in a few seconds.", {"Retry-After": "5"}
        ) from error
    try:
        yield
    finally:
        places.release()


async def remembered(plant: Plant, key: Any, for_s: float, make: Callable[[], Awaitable[T]]) -> T:
    """What `make` makes, at most `for_s` old: of many that ask at once one has it made. Raises as `heavy` and `make`.

    `key` names what is made, and who may see it where that matters.
    """
    work = _work(plant)
    lock, _ = work.making.get(key) or (asyncio.Lock(), 0)
    work.making[key] = lock, work.making.get(key, (lock, 0))[1] + 1
    try:
        async with lock:
            until, thing = work.made.get(key, (0.0, None))
            if time.monotonic() >= until:
                async with heavy(plant):
                    thing = await make()
                work.keep(key, for_s, thing)
            found: T = thing
            return found
    finally:
        lock, askers = work.making[key]
        if askers > 1:
            work.making[key] = lock, askers - 1
        else:
            del work.making[key]
