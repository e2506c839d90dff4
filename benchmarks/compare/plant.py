"""W2: the whole pipeline of `ironstream bench pipeline`, on the same plant."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from aiokafka import AIOKafkaProducer
from numpy.typing import NDArray

from benchmarks.compare.plant_check import PlantCheck
from benchmarks.compare.workload import PARTITIONS, Place
from ironstream.bench.pipeline import HOUR_US, whole_hour
from ironstream.bench.plant import ALARM_ABOVE, ALARM_DEADBAND, WINDOWS_S, Plant, Row
from ironstream.bench.preload import write
from ironstream.contract import Topic
from ironstream.errors import ConfigurationError
from ironstream.topics import TopicSpec, topic_specs

SERIES: Final = 1000
HZ: Final = 10.0
GRACES_S: Final = (2, 5, 10, 60)
"""Of the windows, as the plant's topology says."""
_CLOSING_US: Final = 2 * HOUR_US
_BLOCK_ROWS: Final = 20_000


@dataclass(frozen=True)
class PlantLoad:
    """`steps` readings of each series, then one more of each two hours later, with the value of the last.

    The last one closes every window that is compared, those of an hour too.
    """

    plant: Plant
    steps: int

    @property
    def records(self) -> int:
        """Readings without the closing ones."""
        return self.steps * self.plant.series

    @cached_property
    def values(self) -> NDArray[np.float64]:
        """(steps, series)"""
        return self.plant.values(self.steps)

    async def write(self, producer: AIOKafkaProducer, place: Place) -> None:
        """Each partition in the order of time, its machines side by side."""
        placed = self.plant.assets_of(PARTITIONS)
        steps = max(1, _BLOCK_ROWS // self.plant.series)
        for start in range(0, self.steps, steps):
            block = range(start, min(start + steps, self.steps))
            for partition, assets in enumerate(placed):
                rows = self.plant.rows(assets, block, self.values)
                await write(producer, place.topic(Topic.TELEMETRY_RAW), partition, rows)
        for partition, assets in enumerate(placed):
            await write(producer, place.topic(Topic.TELEMETRY_RAW), partition, self._closing(assets))

    def _closing(self, assets: list[int]) -> list[Row]:
        times, last = self.closing_us, self.values[-1].tolist()
        mine = set(assets)
        return [
            self.plant.row(series, self.steps, last[series], int(times[asset]))
            for series in range(self.plant.series)
            if (asset := self.plant.asset_of(series)) in mine
        ]

    @property
    def closing_us(self) -> NDArray[np.int64]:
        """Time of each machine's closing readings."""
        return self.plant.times_us(self.steps - 1) + _CLOSING_US

    def check(self, place: Place) -> PlantCheck:
        """Everything that must come out."""
        return PlantCheck(self.plant, self.values, self.closing_us)


class Pipeline:
    """W2 with 1 000 series at 10 Hz."""

    name = "w2"
    title = "W2: checks, four window sizes, an alarm condition; JSON in and out"
    sizes = (500_000, 2_000_000)

    def __init__(self, series: int = SERIES, hz: float = HZ) -> None:
        self._series = series
        self._hz = hz

    def load(self, records: int) -> PlantLoad:
        """Whole steps; begins at a whole hour and ends, with the closing readings, in the past."""
        steps = records // self._series
        if steps < 2:
            raise ConfigurationError("There must be at least two readings of each series.", "Ask for more records.")
        start_us = whole_hour(steps / self._hz + _CLOSING_US / 1e6)
        return PlantLoad(Plant(self._series, self._hz, start_us, f"bench-{secrets.token_hex(4)}"), steps)

    def topics(self, place: Place) -> list[TopicSpec]:
        """The product's topics."""
        return topics(place)

    def environment(self, place: Place) -> dict[str, str]:
        """Topics, the rules for the peers, the topology for ironstream."""
        return environment(Plant(self._series, self._hz, 0), place)


def topics(place: Place) -> list[TopicSpec]:
    """The product's topics."""
    return topic_specs(place.settings, WINDOWS_S)


def environment(plant: Plant, place: Place) -> dict[str, str]:
    """The contract's variables of the whole pipeline; writes rules and topology into the folder of the run."""
    (place.folder / "topology.yaml").write_text(plant.topology(), encoding="utf-8")
    rules = place.folder / "rules.properties"
    rules.write_text("".join(f"{name}={value}\n" for name, value in _rules(plant).items()), encoding="utf-8")
    return {
        "INPUT_TOPIC": place.topic(Topic.TELEMETRY_RAW),
        "OUTPUT_PREFIX": place.topic(""),
        "RULES_FILE": str(rules),
    }


def _rules(plant: Plant) -> dict[str, object]:
    """What the plant's topology declares, for contenders that do not read it."""
    interval_s = 1.0 / (plant.slowest_hz or plant.hz)
    return {
        "range_min": 0,
        "range_max": 100,
        "max_rate": 10 * plant.hz + 10,
        "max_step": 45,
        "stuck_after_s": max(60.0, 3 * interval_s),
        "expected_interval_s": interval_s,
        "window_sizes_s": ",".join(map(str, WINDOWS_S)),
        "window_graces_s": ",".join(map(str, GRACES_S)),
        "alarm_above": ALARM_ABOVE,
        "alarm_deadband": ALARM_DEADBAND,
    }
