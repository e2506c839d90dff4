"""The hydraulic press of the simulated plant. Pure: time comes in by `step`, chance from the seed."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sin
from random import Random
from typing import Final

from adapters.simulator.machine import STEP_S, towards

CYCLE_S: Final = 6.0
_CLOSED_S: Final = 2.0
_OPENS_S: Final = 4.0


@dataclass(slots=True)
class Press:
    """A press that makes a part every 6 s: 2 s down, 2 s under force, 2 s up.

    Its oil is cooled but for 20 s of every 50 s: then it passes 60 °C. Every 90 s it is off the network for 6 s.
    """

    random: Random
    time_s: float = 0.0
    parts: int = 0
    oil_temperature: float = 46.0
    _noise: float = 0.0

    STROKE_MM = 400.0
    FORCE_KN = 850.0

    @property
    def answers(self) -> bool:
        """False while it is off the network."""
        return not 60 <= self.time_s % 90 < 66

    @property
    def state(self) -> str:
        """What it is doing."""
        at_s = self.time_s % CYCLE_S
        return "closing" if at_s < _CLOSED_S else "pressing" if at_s < _OPENS_S else "opening"

    @property
    def position(self) -> float:
        """mm of the ram from above; it moves as a crank does."""
        at_s = self.time_s % CYCLE_S
        if self.state == "pressing":
            return self.STROKE_MM
        moved = at_s / _CLOSED_S if self.state == "closing" else (CYCLE_S - at_s) / (CYCLE_S - _OPENS_S)
        return self.STROKE_MM * (0.5 + 0.5 * sin(pi * (moved - 0.5)))

    @property
    def force(self) -> float:
        """kN on the part."""
        return self.FORCE_KN + 4 * self._noise if self.state == "pressing" else 0.0

    @property
    def cooler_is_off(self) -> bool:
        """Whether the oil gets hot."""
        return 20 <= self.time_s % 50 < 40

    def step(self) -> None:
        """Move on by STEP_S."""
        before = self.time_s // CYCLE_S
        self.time_s += STEP_S
        self._noise = self.random.gauss()
        self.parts += int(self.time_s // CYCLE_S - before)
        goal = 75.0 if self.cooler_is_off else 44.0 + sin(2 * pi * self.time_s / 30)
        self.oil_temperature = towards(self.oil_temperature, goal, 14.0)
