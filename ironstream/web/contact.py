"""Whether Kafka answers, and since when it does not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

import structlog
from aiokafka.errors import KafkaError

from ironstream.errors import IronstreamError

_LOG = structlog.get_logger(__name__)
_AGAIN_S: Final = 2.0


class Contact:
    """The last word from Kafka of one follower. `clock` counts seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._heard_s: float | None = None
        self.error: str | None = "not connected yet"

    def heard(self) -> None:
        """It answered."""
        self._heard_s, self.error = self._clock(), None

    def lost(self, error: BaseException | str) -> None:
        """It did not."""
        self.error = str(error) or type(error).__name__

    async def keep(self, read: Callable[[], Awaitable[None]], what: str) -> NoReturn:
        """Read for ever: what Kafka ends is begun again 2 s later. What else ends it is a defect, and is raised."""
        while True:
            try:
                await read()
            except (KafkaError, IronstreamError, OSError, TimeoutError) as error:
                self.lost(error)
                _LOG.info("not_read", what=what, error=str(error))
            await asyncio.sleep(_AGAIN_S)

    @property
    def silent_s(self) -> float | None:
        """Seconds since it answered last; None: never."""
        return None if self._heard_s is None else self._clock() - self._heard_s
