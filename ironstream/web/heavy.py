"""What costs much is done a little at a time, and kept for a moment: whoever asks waits in line, or comes back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

from ironstream.web.problems import ApiError

T = TypeVar("T")
_AT_ONCE: Final = 2
_PATIENCE_S: Final = 10.0
_MOST_KEPT: Final = 32


class Heavy:
    """Two places for heavy work, and what was made there lately, with when it is to be made anew."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(_AT_ONCE)
        self.making: dict[Any, tuple[asyncio.Lock, int]] = {}
        """With how many ask for it just now."""
        self.made: dict[Any, tuple[float, Any]] = {}

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """One of the places. Raises ApiError (503) when none is free within 10 s."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await self._places.acquire()
        except TimeoutError as error:
            raise ApiError(
                503, "Others ask for much just now.", "Ask again in a few seconds.", {"Retry-After": "5"}
            ) from error
        try:
            yield
        finally:
            self._places.release()

    async def remembered(self, key: Any, for_s: float, make: Callable[[], Awaitable[T]]) -> T:
        """What `make` makes, at most `for_s` old: of many that ask at once one has it made.

        `key` names what is made, and who may see it where that matters. Raises as `place` and `make`.
        """
        lock, _ = self.making.get(key) or (asyncio.Lock(), 0)
        self.making[key] = lock, self.making.get(key, (lock, 0))[1] + 1
        try:
            async with lock:
                until, thing = self.made.get(key, (0.0, None))
                if time.monotonic() >= until:
                    async with self.place():
                        thing = await make()
                    self._keep(key, for_s, thing)
                found: T = thing
                return found
        finally:
            lock, askers = self.making[key]
            if askers > 1:
                self.making[key] = lock, askers - 1
            else:
                del self.making[key]

    def _keep(self, key: Any, for_s: float, thing: Any) -> None:
        """Keep what was made for so long, and not longer: it may be large."""
        self.made.pop(key, None)
        made = self.made[key] = time.monotonic() + for_s, thing
        asyncio.get_running_loop().call_later(for_s, self._forget, key, made)
        while len(self.made) > _MOST_KEPT:
            del self.made[next(iter(self.made))]

    def _forget(self, key: Any, made: tuple[float, Any]) -> None:
        if self.made.get(key) is made:
            del self.made[key]
