"""Whether the outputs of W2 are all there, and right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
from aiokafka import ConsumerRecord
from numpy.typing import NDArray

from benchmarks.compare.plant_expected import EXACT_VALUES, FIELDS, ConditionKey, conditions, names, windows
from ironstream.bench.plant import WINDOWS_S, Plant
from ironstream.contract import CONTROL_KEY, Topic
from ironstream.domain.times import to_iso

_EXAMPLES: Final = 3
_RELATIVE: Final = 1e-9
_SKETCH_RELATIVE: Final = 0.02
_QUANTILES: Final = ("p50", "p95", "p99")
_MOST_STRANGE: Final = 50


class _Count(msgspec.Struct):
    count: int


class _Place(msgspec.Struct):
    asset_id: str
    parameter: str
    window_start: str
    aggregates: _Count


class _Values(msgspec.Struct):
    aggregates: dict[str, float]


class _Metadata(msgspec.Struct):
    boot: str
    seq: int


class _Clean(msgspec.Struct):
    asset_id: str
    parameter: str
    value: float
    quality: str
    metadata: _Metadata
    quality_reasons: list[str] | None = None


class _Condition(msgspec.Struct):
    asset_id: str
    parameter: str
    number: int
    state: str
    time: str


class _Event(msgspec.Struct):
    asset_id: str
    parameter: str
    type: str


class _Windows:
    """The windows of one size: what is expected, and the last result of each."""

    def __init__(self, plant: Plant, values: NDArray[np.float64], size_s: int, closing: str) -> None:
        self.topic = Topic.aggregates(size_s)
        self._places, self._expected = windows(plant, values, size_s)
        self._counts = self._expected["count"].astype(np.int64).tolist()
        self._last: list[bytes | None] = [None] * len(self._counts)
        self._full = bytearray(len(self._counts))
        self._closing = closing
        self._decode = msgspec.json.Decoder(_Place).decode
        self.open = len(self._counts)

    def feed(self, value: bytes) -> None:
        """Take one result. Raises ValueError for a window that cannot be."""
        found = self._decode(value)
        at = self._places.get((found.asset_id, found.parameter, found.window_start))
        if at is None:
            # what the closing readings make is left alone; times of one form compare as text
            if found.window_start < self._closing:
                raise ValueError("no such window")
            return
        self._last[at] = value
        full = found.aggregates.count == self._counts[at]
        if full != self._full[at]:
            self._full[at] = full
            self.open += -1 if full else 1

    def faults(self) -> list[str]:
        """Windows that are missing or not as expected."""
        if self.open:
            return [f"{self.topic}: {self.open:,} of {len(self._last):,} windows are missing or not final"]
        decode = msgspec.json.Decoder(_Values).decode
        found = [decode(one or b"").aggregates for one in self._last]
        wrong = np.zeros(len(found), np.bool_)
        exact = self._expected["count"] <= EXACT_VALUES
        for name in FIELDS:
            values = np.array([one[name] for one in found])
            tolerance = np.full(len(found), _RELATIVE)
            if name in _QUANTILES:
                tolerance[~exact] = _SKETCH_RELATIVE
            scale = np.maximum(np.abs(self._expected[name]), 1.0)
            wrong |= ~(np.abs(values - self._expected[name]) <= tolerance * scale)
        at = np.flatnonzero(wrong)
        faults = [
            f"{self.topic}: {self._last[one]!r} where {self._expected[one]} was expected"
            for one in at[:_EXAMPLES].tolist()
        ]
        return faults + ([f"{self.topic}: {len(at):,} windows have wrong values"] if len(at) else [])


class PlantCheck:
    """Clean readings, windows, condition changes, the gap before the closing readings, and no dead letter.

    `values` is (steps, series); `closing_us` the time of each machine's closing readings.
    """

    def __init__(self, plant: Plant, values: NDArray[np.float64], closing_us: NDArray[np.int64]) -> None:
        closing = to_iso(int(closing_us.min()) // 3_600_000_000 * 3_600_000_000)
        self._windows = {one.topic: one for one in (_Windows(plant, values, size_s, closing) for size_s in WINDOWS_S)}
        self._series = {name: number for number, name in enumerate(names(plant))}
        self._boot = plant.boot
        self._values = np.concatenate([values, values[-1:]])
        self._clean = np.full(self._values.shape, np.nan)
        self._changes = conditions(plant, values)
        self._changed: dict[ConditionKey, tuple[str, str]] = {}
        self._gaps: set[tuple[str, str]] = set()
        self._strange: list[str] = []
        self.read: Sequence[str] = (*self._windows, Topic.ALARMS_RAW, Topic.EVENTS_CLEAN, Topic.DLQ_TELEMETRY)
        self.counted = {Topic.TELEMETRY_CLEAN: self._values.size}
        self._decode_clean = msgspec.json.Decoder(_Clean).decode
        self._decode_condition = msgspec.json.Decoder(_Condition).decode
        self._decode_event = msgspec.json.Decoder(_Event).decode

    def feed(self, topic: str, records: Sequence[ConsumerRecord]) -> None:
        """Take outputs; what cannot be is a fault."""
        for record in records:
            # the ticks of an engine of ours
            if record.key == CONTROL_KEY:
                continue
            try:
                self._take(topic, record.value)
            except (msgspec.MsgspecError, ValueError, LookupError) as err:
                if len(self._strange) < _MOST_STRANGE:
                    self._strange.append(f"{topic}: {record.value!r}: {err!r}")

    def _take(self, topic: str, value: bytes) -> None:
        if (of_size := self._windows.get(topic)) is not None:
            of_size.feed(value)
        elif topic == Topic.TELEMETRY_CLEAN:
            self._take_clean(value)
        elif topic == Topic.ALARMS_RAW:
            change = self._decode_condition(value)
            self._changed[change.asset_id, change.parameter, change.number] = change.state, change.time
        elif topic == Topic.EVENTS_CLEAN:
            event = self._decode_event(value)
            if event.type != "gap" or (event.asset_id, event.parameter) in self._gaps:
                raise ValueError("one gap of each series was expected")
            self._gaps.add((event.asset_id, event.parameter))
        else:
            raise ValueError("no dead letter was expected")

    def _take_clean(self, value: bytes) -> None:
        found = self._decode_clean(value)
        at = found.metadata.seq - 1, self._series[found.asset_id, found.parameter]
        if found.metadata.boot != self._boot or at[0] < 0:
            raise ValueError("no such reading")
        if found.quality != "GOOD" or found.quality_reasons:
            raise ValueError("a good reading was expected")
        if self._clean[at] == self._clean[at]:
            raise ValueError("it is there twice")
        self._clean[at] = found.value

    @property
    def complete(self) -> bool:
        """Whether all windows are final and all changes of conditions there."""
        return not any(one.open for one in self._windows.values()) and len(self._changed) >= len(self._changes)

    def faults(self) -> list[str]:
        """Whatever is missing, too much, or wrong."""
        faults = list(self._strange)
        missing = int(np.isnan(self._clean).sum())
        if missing:
            faults.append(f"{missing:,} of {self._clean.size:,} clean readings are missing")
        wrong = int(((self._clean != self._values) & ~np.isnan(self._clean)).sum())
        if wrong:
            faults.append(f"{wrong:,} clean readings have another value")
        for one in self._windows.values():
            faults += one.faults()
        if self._changed != self._changes:
            differing = self._changed.items() ^ self._changes.items()
            faults.append(f"conditions: {len(differing):,} differences, as {sorted(differing)[:_EXAMPLES]}")
        if len(self._gaps) != len(self._series):
            faults.append(f"{len(self._gaps):,} gaps where {len(self._series):,} were expected")
        return faults
