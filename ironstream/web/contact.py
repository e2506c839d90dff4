"""Whether Kafka answers, and since when it does not."""

from __future__ import annotations

import time
from collections.abc import Callable


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

    @property
    def silent_s(self) -> float | None:
        """Seconds since it answered last; None: never."""
        return None if self._heard_s is None else self._clock() - self._heard_s
