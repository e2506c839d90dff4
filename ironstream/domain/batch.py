"""Columns over the readings of one batch, sorted by series and, within a series, in log order."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from enum import IntEnum, IntFlag
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ironstream.domain.segments import Bools, Floats, Ints


class Fate(IntEnum):
    """What becomes of a reading."""

    CLEAN = 0
    DUPLICATE = 1
    REJECTED = 2


class Reason(IntFlag):
    """Why a reading is not GOOD; `Reason.X.name.lower()` is the word on the wire."""

    NO_DEVICE_TIME = 1
    CLOCK_SKEW = 2
    TIME_OUT_OF_RANGE = 4
    NOT_A_NUMBER = 8
    RANGE = 16
    RATE_OF_CHANGE = 32
    STUCK = 64
    DEVICE_QUALITY = 128
    RATE_LIMITED = 256
    UNIT_MISMATCH = 512


GOOD, SUSPECT, UNCERTAIN, BAD = 0, 1, 2, 3


@dataclass(slots=True)
class Batch:
    """n readings. Times are µs; `append` is the log's clock at the record; a missing time is `series.NEVER`.

    `boot` is 0 and `seq` 0 where the adapter sends none. `value` is NaN for null. The quality stage fills `time`,
    `code`, `reasons`, `fate`, `counted` (the reading takes part in windows and conditions, if only as a bad one) and
    `before` (the watermark of the series before the reading). `unusual` marks readings whose clean form differs from
    the raw one in more than what all get (unit, names left to defaults, bool).
    """

    row: Ints
    series: Ints
    offset: Ints
    append: Ints
    device: Ints
    gateway: Ints
    value: Floats
    is_null: Bools
    code: NDArray[np.uint8]
    boot: NDArray[np.uint64]
    seq: Ints
    reasons: NDArray[np.uint16]
    time: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    fate: NDArray[np.uint8] = field(default_factory=lambda: np.empty(0, np.uint8))
    counted: Bools = field(default_factory=lambda: np.empty(0, np.bool_))
    before: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    unusual: Bools = field(default_factory=lambda: np.empty(0, np.bool_))

    def __post_init__(self) -> None:
        n = len(self.row)
        if len(self.time) != n:
            self.time = self.device.copy()
            self.before = self.device.copy()
            self.fate = np.zeros(n, np.uint8)
            self.counted = np.zeros(n, np.bool_)
            self.unusual = np.zeros(n, np.bool_)

    def __len__(self) -> int:
        return len(self.row)

    def take(self, index: NDArray[Any]) -> Batch:
        """The rows at `index` (positions or mask), as a batch of their own."""
        return Batch(*[getattr(self, name)[index] for name in _COLUMNS])

    def worsen(self, rows: NDArray[Any], code: int, reason: Reason) -> None:
        """Give rows (positions or mask) a code at least as bad as `code`, and a reason."""
        self.code[rows] = np.maximum(self.code[rows], code)
        self.reasons[rows] |= np.uint16(reason)


_COLUMNS: Final = [column.name for column in fields(Batch)]


@dataclass(frozen=True, slots=True)
class Finding:
    """An event that a stage has found: about a series, or with `of_asset` about its whole asset; times in µs."""

    type: str
    series: int
    time: int
    append: int
    details: dict[str, Any]
    of_asset: bool = False
