"""W1: the windowed aggregation (UC2, downsampling) of the Theodolite benchmark.

S. Henning, W. Hasselbring: Theodolite, Big Data Research 25 (2021), doi:10.1016/j.bdr.2021.100209. An ActivePowerRecord
per sensor and second comes in Avro; 60 s tumbling windows per sensor in event time go out as JSON.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2
from numpy.typing import NDArray

from benchmarks.compare.power_check import PowerCheck
from benchmarks.compare.workload import PARTITIONS, Place
from ironstream.errors import ConfigurationError
from ironstream.topics import TopicSpec

SENSORS: Final = 10_000
WINDOW_S: Final = 60
INPUT: Final = "power"
OUTPUT: Final = "stats"
SCHEMA: Final = {
    "type": "record",
    "name": "ActivePowerRecord",
    "namespace": "theodolite",
    "fields": [
        {"name": "identifier", "type": "string"},
        {"name": "timestamp", "type": "long"},
        {"name": "valueInW", "type": "double"},
    ],
}
_SCHEMA_ID: Final = 1
_TIME_BYTES: Final = 6
_BLOCK_ROWS: Final = 50_000
_UNDER_WAY: Final = 32
_CLOSING_WINDOWS: Final = 2


@dataclass(frozen=True)
class PowerLoad:
    """`seconds` of event time from `start_ms` on, a whole number of windows, for `sensors` sensors."""

    sensors: int
    seconds: int
    start_ms: int

    @property
    def records(self) -> int:
        """Records without the closing ones."""
        return self.sensors * self.seconds

    def values(self, seconds: range) -> NDArray[np.float64]:
        """Power in W, (seconds, sensors); a pure function of second and sensor, 0 … 1000 in steps of 1 mW."""
        mixed = np.arange(seconds.start, seconds.stop, dtype=np.uint64)[:, None] * np.uint64(2654435761)
        mixed = (mixed + np.arange(self.sensors, dtype=np.uint64)[None, :] * np.uint64(40503)) & _MASK
        mixed = ((mixed ^ (mixed >> np.uint64(15))) * np.uint64(2246822519)) & _MASK
        mixed ^= mixed >> np.uint64(13)
        return np.asarray((mixed % np.uint64(1_000_001)).astype(np.float64) / 1000.0)

    def times_ms(self, second: NDArray[np.int64], sensors: NDArray[np.int64]) -> NDArray[np.int64]:
        """When each sensor is read: at a moment of its own within the second, so the log is in the order of time."""
        times: NDArray[np.int64] = self.start_ms + second[:, None] * 1000 + (sensors * 1000 // self.sensors)[None, :]
        return times

    @cached_property
    def placed(self) -> list[NDArray[np.int64]]:
        """Sensors by partition, as Kafka's default partitioner places their identifiers."""
        owner = np.array([(murmur2(key) & 0x7FFFFFFF) % PARTITIONS for key in self.keys])
        return [np.flatnonzero(owner == partition) for partition in range(PARTITIONS)]

    @cached_property
    def keys(self) -> list[bytes]:
        """Identifier of each sensor."""
        return [b"sensor-%05d" % number for number in range(self.sensors)]

    async def write(self, producer: AIOKafkaProducer, place: Place) -> None:
        """Write all records in the order of time per partition, then one of each sensor two windows later."""
        closing = self.seconds + _CLOSING_WINDOWS * WINDOW_S
        steps = max(1, _BLOCK_ROWS * PARTITIONS // self.sensors)
        blocks = [range(at, min(at + steps, self.seconds)) for at in range(0, self.seconds, steps)]
        for block in [*blocks, range(closing, closing + 1)]:
            values = self.values(block)
            for partition, sensors in enumerate(self.placed):
                if not len(sensors):
                    continue
                rows = self._rows(block, sensors, values[:, sensors])
                await _write(producer, place.topic(INPUT), partition, rows)

    def _rows(
        self, seconds: range, sensors: NDArray[np.int64], values: NDArray[np.float64]
    ) -> Iterator[tuple[bytes, bytes, int]]:
        """Key, value and time of records; all values have one length, so they are made as a table of bytes."""
        identifiers = np.frombuffer(b"".join(self.keys[number] for number in sensors), np.uint8).reshape(
            len(sensors), -1
        )
        length = identifiers.shape[1]
        times = self.times_ms(np.arange(seconds.start, seconds.stop), sensors)
        table = np.zeros((len(seconds), len(sensors), 5 + 1 + length + _TIME_BYTES + 8), np.uint8)
        table[..., 4] = _SCHEMA_ID
        table[..., 5] = 2 * length
        table[..., 6 : 6 + length] = identifiers
        table[..., 6 + length : 6 + length + _TIME_BYTES] = _varint(times)
        table[..., -8:] = values.astype("<f8")[..., None].view(np.uint8)
        encoded, size = table.tobytes(), table.shape[2]
        keys = [self.keys[number] for number in sensors] * len(seconds)
        for at, (key, time_ms) in enumerate(zip(keys, times.ravel().tolist(), strict=True)):
            yield key, encoded[at * size : (at + 1) * size], time_ms

    def check(self, place: Place) -> PowerCheck:
        """The windows of all sensors, computed from the values at once."""
        windows = self.seconds // WINDOW_S
        expected = np.empty((windows, self.sensors), EXPECTED)
        for number in range(windows):
            values = self.values(range(number * WINDOW_S, (number + 1) * WINDOW_S))
            one = expected[number]
            one["sum"], one["mean"], one["variance"] = values.sum(0), values.mean(0), values.var(0)
            one["min"], one["max"] = values.min(0), values.max(0)
        return PowerCheck(OUTPUT, expected, self.start_ms, WINDOW_S)


EXPECTED: Final = np.dtype([(name, "<f8") for name in ("sum", "mean", "min", "max", "variance")])
_MASK: Final = np.uint64(0xFFFFFFFF)


def _varint(times: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Avro's zigzag variable-length form of times, all of the same length, one byte per last axis."""
    zigzag = times * 2
    if int(zigzag.min()) < 1 << 35 or int(zigzag.max()) >= 1 << 42:
        raise ConfigurationError("These times do not have six bytes in Avro.", "They should lie between 1971 and 2039.")
    parts = (zigzag[..., None] >> (7 * np.arange(_TIME_BYTES))) & 0x7F
    parts[..., :-1] |= 0x80
    return parts.astype(np.uint8)


async def _write(
    producer: AIOKafkaProducer, topic: str, partition: int, rows: Iterator[tuple[bytes, bytes, int]]
) -> None:
    waiting: deque[Any] = deque()
    row = next(rows, None)
    while row is not None:
        batch = producer.create_batch()
        while row is not None and batch.append(key=row[0], value=row[1], timestamp=row[2]) is not None:
            row = next(rows, None)
        waiting.append(await producer.send_batch(batch, topic, partition=partition))
        if len(waiting) > _UNDER_WAY:
            await waiting.popleft()
    for acknowledged in waiting:
        await acknowledged


class Power:
    """W1 with Theodolite's 60 s windows and 10 000 sensors."""

    name = "w1"
    title = "W1: Theodolite UC2, 60 s windows per sensor, Avro in, JSON out"
    sizes = (1_200_000, 6_000_000)

    def __init__(self, sensors: int = SENSORS) -> None:
        self._sensors = sensors

    def load(self, records: int) -> PowerLoad:
        """Whole windows of all sensors; ends in the past."""
        windows = records // (self._sensors * WINDOW_S)
        if windows < 1:
            raise ConfigurationError(
                f"{records:,} records do not fill one window of {self._sensors:,} sensors.",
                f"Ask for at least {self._sensors * WINDOW_S:,}.",
            )
        span_s = (windows + _CLOSING_WINDOWS + 1) * WINDOW_S
        start_s = (int(time.time()) - span_s) // WINDOW_S * WINDOW_S
        return PowerLoad(self._sensors, windows * WINDOW_S, start_s * 1000)

    def topics(self, place: Place) -> list[TopicSpec]:
        """Input and output; nothing expires while it is measured."""
        kept = {"retention.ms": "-1"}
        return [TopicSpec(place.topic(name), PARTITIONS, kept) for name in (INPUT, OUTPUT)]

    def environment(self, place: Place) -> dict[str, str]:
        """Topics and the schema file."""
        schema = place.folder / "active-power.avsc"
        schema.write_text(json.dumps(SCHEMA), encoding="utf-8")
        return {
            "INPUT_TOPIC": place.topic(INPUT),
            "OUTPUT_TOPIC": place.topic(OUTPUT),
            "SCHEMA_FILE": str(schema),
        }
