"""The simulated plant as time passes."""

from __future__ import annotations

import time
from collections.abc import Callable

from adapters.simulator.physics import Plant


class LivePlant:
    """A plant that has moved as far as the clock has since it was made, `time_scale` times as fast.

    `wall_us` is the time that its machines show, µs since the epoch.
    """

    def __init__(
        self,
        plant: Plant,
        *,
        time_scale: float = 1.0,
        monotonic_s: Callable[[], float] = time.monotonic,
        wall_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self.time_scale = time_scale
        self.wall_us = wall_us
        self._plant = plant
        self._monotonic_s = monotonic_s
        self._started_s = monotonic_s()

    def moved(self) -> Plant:
        """The plant as it is now."""
        self._plant.advance_to((self._monotonic_s() - self._started_s) * self.time_scale)
        return self._plant
