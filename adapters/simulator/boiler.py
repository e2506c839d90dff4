"""The steam boiler of the simulated plant. Pure: time comes in by `step`, chance from the seed."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, sin, sqrt
from random import Random

from adapters.simulator.machine import STEP_S, towards


@dataclass(slots=True)
class Boiler:
    """A boiler between 9 and 10.5 bar whose burner goes on and off, about every 15 s.

    Its feed water fails from 25 s to 35 s of every 60 s: then the level falls below 30 % and comes back. Its flue gas
    sensor is dead for 5 s of every 40 s.
    """

    random: Random
    time_s: float = 0.0
    pressure: float = 9.2
    level: float = 55.0
    flue_gas: float = 140.0
    firing: bool = True
    fuel_m3: float = 18_250.0
    _noise: float = 0.0

    @property
    def answers(self) -> bool:
        """Always on the network."""
        return True

    @property
    def state(self) -> str:
        """What its control says of it."""
        return "low water" if self.low_water else "firing" if self.firing else "standby"

    @property
    def low_water(self) -> bool:
        """Whether its control raises the alarm for it."""
        return self.level < 30

    @property
    def measured_pressure(self) -> float:
        """bar, with the noise of the sensor."""
        return self.pressure + 0.01 * self._noise

    @property
    def steam_temperature(self) -> float:
        """°C; of saturated steam, which follows its pressure (absolute) closely enough by the fourth root."""
        return 100.0 * sqrt(sqrt(self.pressure + 1.0))

    @property
    def flue_gas_answers(self) -> bool:
        """False while the sensor of the flue gas is dead."""
        return not 20 <= self.time_s % 40 < 25

    @property
    def fuel_flow(self) -> float:
        """m³/h of gas."""
        return 42.0 + 0.4 * self._noise if self.firing else 0.0

    @property
    def feed_water_fails(self) -> bool:
        """Whether the level falls."""
        return 25 <= self.time_s % 60 < 35

    def step(self) -> None:
        """Move on by STEP_S."""
        self.time_s += STEP_S
        self._noise = self.random.gauss()
        self.pressure += (0.19 if self.firing else -0.2) * STEP_S
        if self.pressure >= 10.5:
            self.firing = False
        elif self.pressure <= 9.0:
            self.firing = True
        self.flue_gas = towards(self.flue_gas, 215.0 if self.firing else 120.0, 12.0)
        self.fuel_m3 += self.fuel_flow * STEP_S / 3600
        if self.feed_water_fails:
            self.level -= 3.0 * STEP_S
        else:
            self.level = towards(self.level, 55.0 + 3 * sin(2 * pi * self.time_s / 20), 4.0)
