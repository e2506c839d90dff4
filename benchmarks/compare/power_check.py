"""Whether the windows of W1 are all there, and right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import numpy as np
from aiokafka import ConsumerRecord
from numpy.typing import NDArray

_EXAMPLES: Final = 5
_RELATIVE: Final = 1e-9


class _Place(msgspec.Struct):
    """Of which window a result is, and of how many records: enough to see that it is the last one."""

    identifier: str
    window_start: int
    count: int


class _Result(msgspec.Struct):
    identifier: str
    window_start: int
    window_end: int
    count: int
    sum: float
    mean: float
    min: float
    max: float
    variance: float


class PowerCheck:
    """`expected` has the values of each window and sensor, (windows, sensors); each is of one record per second.

    The last record of a sensor and window counts. Windows that start after the last expected one are those of the
    closing records, and are left alone.
    """

    def __init__(self, topic: str, expected: NDArray[Any], start_ms: int, window_s: int) -> None:
        self.read: Sequence[str] = (topic,)
        self.counted: dict[str, int] = {}
        self._expected = expected
        self._start_ms, self._window_ms, self._count = start_ms, window_s * 1000, window_s
        windows, self._sensors = expected.shape
        self._last: list[bytes | None] = [None] * (windows * self._sensors)
        self._full = bytearray(windows * self._sensors)
        self._open = windows * self._sensors
        self._strange: list[str] = []
        self._decode = msgspec.json.Decoder(_Place).decode

    def feed(self, topic: str, records: Sequence[ConsumerRecord]) -> None:
        """Remember the last result of each window."""
        for record in records:
            try:
                place = self._decode(record.value)
                at = self._at(place.identifier, place.window_start)
            except (msgspec.MsgspecError, ValueError) as err:
                self._strange.append(f"{record.value!r}: {err}")
                continue
            if at is None:
                continue
            if record.key != place.identifier.encode():
                self._strange.append(f"{record.value!r} has the key {record.key!r}")
            self._last[at] = record.value
            full = place.count == self._count
            if full != self._full[at]:
                self._full[at] = full
                self._open += -1 if full else 1

    def _at(self, identifier: str, start_ms: int) -> int | None:
        window, beside = divmod(start_ms - self._start_ms, self._window_ms)
        name, _, number = identifier.partition("-")
        if name != "sensor" or beside or window < 0 or not int(number) < self._sensors:
            raise ValueError("no such window")
        return window * self._sensors + int(number) if window < len(self._expected) else None

    @property
    def complete(self) -> bool:
        """Whether the last result of every window counts all of its records."""
        return not self._open

    def faults(self) -> list[str]:
        """Results that are missing, of other records, or have other values."""
        if self._open:
            self._strange.append(f"{self._open:,} of {len(self._last):,} windows are missing or not final")
            return self._strange
        found = msgspec.json.decode(b"[" + b",".join(one or b"" for one in self._last) + b"]", type=list[_Result])
        ends = np.array([one.window_end - one.window_start for one in found])
        wrong = ends != self._window_ms
        expected = self._expected.ravel()
        for name, least in (("sum", 0.0), ("mean", 0.0), ("min", 0.0), ("max", 0.0), ("variance", 1e-6)):
            values = np.array([getattr(one, name) for one in found])
            wrong |= ~(np.abs(values - expected[name]) <= np.abs(expected[name]) * _RELATIVE + least)
        at = np.flatnonzero(wrong)
        examples = [f"{self._last[one]!r} where {expected[one]} was expected" for one in at[:_EXAMPLES].tolist()]
        if len(at):
            examples.append(f"{len(at):,} windows have wrong values")
        return self._strange + examples
