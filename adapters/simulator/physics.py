"""The machines of the simulated plant. Pure: time comes in by `step`, chance from the seed.

Temperatures in °C, pressures in bar, speed in rpm, flows in m³/h, levels in %, times in s.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import nan, pi, sin
from random import Random

from adapters.simulator.boiler import Boiler
from adapters.simulator.machine import STEP_S, Machine, towards
from adapters.simulator.press import Press


@dataclass(slots=True)
class Pump:
    """A pump with a blocked cooler, if `overheats`: it runs hot, trips at 95 °C, cools down and starts again.

    It starts after 5 s, passes 90 °C at about 21 s and trips at about 23 s; after that a cycle takes about 50 s.
    """

    random: Random
    overheats: bool
    time_s: float = 0.0
    temperature: float = 36.5
    speed: float = 0.0
    running: bool = False
    tripped: bool = False
    rest_s: float = 5.0
    run_time_s: float = 0.0
    _noise: float = 0.0

    TRIP_AT = 95.0
    RESTART_BELOW = 40.0

    @property
    def answers(self) -> bool:
        """Always on the bus."""
        return True

    @property
    def measured_temperature(self) -> float:
        """The sensor's value, with its noise."""
        return self.temperature + 0.15 * self._noise

    @property
    def pressure(self) -> float:
        """At the outlet; with the square of the speed."""
        return max(0.0, 6.2 * (self.speed / 1480) ** 2 + 0.02 * self._noise)

    @property
    def vibration(self) -> float:
        """mm/s; it grows when the pump runs hot."""
        return max(0.0, (1.8 + max(0.0, self.temperature - 70) * 0.08) * self.speed / 1480 + 0.05 * abs(self._noise))

    @property
    def current(self) -> float:
        """A."""
        return max(0.0, 41.0 * self.speed / 1480 + 0.2 * self._noise) if self.running else 0.0

    @property
    def warning(self) -> bool:
        """The pump's own warning: above 90 °C."""
        return self.temperature > 90

    def step(self) -> None:
        """Move on by STEP_S."""
        self.time_s += STEP_S
        self._noise = self.random.gauss()
        if self.running:
            self.run_time_s += STEP_S
            hot = 130.0 if self.overheats else 62.0 + 2 * sin(2 * pi * self.time_s / 60)
            self.temperature = towards(self.temperature, hot, 18.5)
            if self.temperature >= self.TRIP_AT:
                self.running, self.tripped, self.rest_s = False, True, 5.0
        else:
            self.temperature = towards(self.temperature, 25.0, 18.0)
            if self.temperature < self.RESTART_BELOW:
                self.tripped = False
                self.rest_s -= STEP_S
                self.running = self.rest_s <= 0
        self.speed = towards(self.speed, 1480.0 if self.running else 0.0, 1.0)


@dataclass(slots=True)
class Tank:
    """A tank of 50 m³ that fills to 80 % and drains to 20 %. Its temperature sensor is dead for 10 s of every 30 s."""

    random: Random
    time_s: float = 0.0
    level: float = 35.0
    filling: bool = True
    _noise: float = 0.0

    VOLUME_M3 = 50.0

    @property
    def answers(self) -> bool:
        """Always on the bus."""
        return True

    @property
    def temperature(self) -> float:
        """NaN while the sensor is dead."""
        if self.time_s % 30 >= 20:
            return nan
        return 18.0 + 3 * sin(2 * pi * self.time_s / 120) + 0.1 * self._noise

    @property
    def volume(self) -> float:
        """m³."""
        return self.level / 100 * self.VOLUME_M3

    @property
    def inlet(self) -> float:
        """Opening of the inlet valve, %."""
        return 100.0 if self.filling else 0.0

    @property
    def outlet(self) -> float:
        """Opening of the outlet valve, %."""
        return 20.0 if self.filling else 90.0

    @property
    def net_flow(self) -> float:
        """m³/h into the tank."""
        return self._rate_percent_per_s / 100 * self.VOLUME_M3 * 3600

    @property
    def _rate_percent_per_s(self) -> float:
        return 2.0 if self.filling else -1.5

    def step(self) -> None:
        """Move on by STEP_S."""
        self.time_s += STEP_S
        self._noise = self.random.gauss()
        self.level += self._rate_percent_per_s * STEP_S
        if self.level >= 80:
            self.filling = False
        elif self.level <= 20:
            self.filling = True


@dataclass(slots=True)
class Compressor:
    """A compressor whose clock is 8 s slow, and 12 s during 20 s of every minute.

    It is off the bus for 4 s of every 35 s.
    """

    random: Random
    time_s: float = 0.0
    pressure: float = 7.0
    loaded: bool = True
    energy_wh: float = 1_250_000.0
    _noise: float = 0.0

    @property
    def answers(self) -> bool:
        """False while the device is off the bus."""
        return not 25 <= self.time_s % 35 < 29

    @property
    def clock_error_s(self) -> float:
        """What its clock shows, less the true time."""
        return -12.0 if self.time_s % 60 >= 40 else -8.0

    @property
    def power(self) -> float:
        """kW."""
        return (37.0 if self.loaded else 11.0) + 0.3 * self._noise

    @property
    def temperature(self) -> float:
        """Of the oil."""
        return 78.0 + 4 * sin(2 * pi * self.time_s / 90) + 0.2 * self._noise

    def step(self) -> None:
        """Move on by STEP_S."""
        self.time_s += STEP_S
        self._noise = self.random.gauss()
        self.pressure += (0.12 if self.loaded else -0.08) * STEP_S
        if self.pressure >= 7.8:
            self.loaded = False
        elif self.pressure <= 6.8:
            self.loaded = True
        self.energy_wh += self.power * 1000 * STEP_S / 3600


@dataclass(slots=True)
class Flowmeter:
    """A flowmeter that has a new value with every step, and would tell each one."""

    random: Random
    time_s: float = 0.0
    flow: float = 12.0
    total_l: float = 84_000_000.0

    @property
    def answers(self) -> bool:
        """Always on the bus."""
        return True

    @property
    def density(self) -> float:
        """kg/l."""
        return 0.998 + 0.001 * sin(2 * pi * self.time_s / 45)

    def step(self) -> None:
        """Move on by STEP_S."""
        self.time_s += STEP_S
        self.flow = 12.0 + 3 * sin(2 * pi * self.time_s / 40) + 0.2 * self.random.gauss()
        self.total_l += self.flow * 1000 / 3600 * STEP_S


@dataclass(slots=True)
class Plant:
    """Five machines by Modbus unit id, a boiler on OPC UA and a press on MQTT; `seed` decides all noise."""

    seed: int = 1
    machines: dict[int, Machine] = field(init=False)
    boiler: Boiler = field(init=False)
    press: Press = field(init=False)
    _steps: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.machines = {
            1: Pump(Random(f"{self.seed}/pump-1"), overheats=True),
            2: Pump(Random(f"{self.seed}/pump-2"), overheats=False),
            3: Tank(Random(f"{self.seed}/tank-1")),
            4: Compressor(Random(f"{self.seed}/compressor-1")),
            5: Flowmeter(Random(f"{self.seed}/flowmeter-1")),
        }
        self.boiler = Boiler(Random(f"{self.seed}/boiler-1"))
        self.press = Press(Random(f"{self.seed}/press-1"))

    def advance_to(self, time_s: float) -> None:
        """Move every machine to `time_s` after the start; a time that has passed changes nothing."""
        machines: tuple[Machine, ...] = (*self.machines.values(), self.boiler, self.press)
        while (self._steps + 1) * STEP_S <= time_s:
            self._steps += 1
            for machine in machines:
                machine.step()
