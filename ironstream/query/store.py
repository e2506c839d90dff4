"""What is asked of a store, whichever it is."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from ironstream.contract import SeriesId
from ironstream.query.origins import Span, TakeOrigins
from ironstream.query.patterns import SeriesPattern
from ironstream.query.shapes import Shape


@dataclass(frozen=True, slots=True)
class LastValue:
    """The newest reading of a series; `time_us` is µs since the epoch."""

    series: SeriesId
    time_us: int
    value: float | None
    unit: str | None
    quality: str
    reasons: tuple[str, ...] = ()


class Store(Protocol):
    """A store that was opened. Times are µs since the epoch, ranges without their end.

    Every method raises StoreUnreachableError. The same data give the same answers in every store.
    """

    @property
    def where(self) -> str:
        """What it is and where, for messages; never a password."""

    @property
    def labels(self) -> frozenset[str]:
        """Labels (`readings`, `aggregates_1min`, …) that it has a place for."""

    @property
    def readings_kept_days(self) -> int | None:
        """After so many days, by their time, readings may be dropped; None: they are kept."""

    async def series(self, pattern: SeriesPattern, first_us: int, end_us: int) -> list[SeriesId]:
        """The series of a pattern, sorted, that it knows of; a store may leave out those without rows in the range."""

    async def last(self, pattern: SeriesPattern, first_us: int) -> list[LastValue]:
        """The newest reading, at or after `first_us`, of each series of a pattern, sorted by series."""

    def rows(self, shape: Shape, pattern: SeriesPattern, first_us: int, end_us: int) -> AsyncGenerator[pa.Table, None]:
        """Rows of the shape's schema in its order, in tables of bounded size."""

    async def origins(self, span: Span, pattern: SeriesPattern, take: TakeOrigins) -> None:
        """Tell the raw records of all readings of a span and a pattern, as they are stored.

        `take` may be called in another thread, never twice at a time.
        """

    async def close(self) -> None:
        """Let go of it."""
