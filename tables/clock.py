"""Table of the log's clock, which every agent keeps: one row per partition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tables.rows import RowLayout


@dataclass(frozen=True, slots=True)
class Clock:
    """The log's clock (ms since the epoch) as of the last record taken."""

    now_ms: int = 0


CLOCK: Final = RowLayout("clock", b"m/", 1, Clock)
CLOCK_ROW: Final = "clock"
