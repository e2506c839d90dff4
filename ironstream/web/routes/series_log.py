"""Readings and windows of a series over time, from the log, in bounded pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from pydantic import AwareDatetime, BaseModel

from ironstream.contract import SeriesId, Topic
from ironstream.domain.rules import SeriesRules
from ironstream.errors import DecodeError
from ironstream.web.csv_text import csv_response, file_name
from ironstream.web.cursors import read_cursor, write_cursor
from ironstream.web.log_pages import Page
from ironstream.web.models import QualityName, us_of
from ironstream.web.models import Time as TimeText
from ironstream.web.once import backward_once, forward_once
from ironstream.web.plant import Plant
from ironstream.web.problems import COMMON, ApiError, problems
from ironstream.web.routes.deps import Cursor, Operator, PartOfPath, PlantDep
from ironstream.web.routes.series import series_row
from ironstream.web.series_index import SeriesIndex
from ironstream.web.telemetry_records import Shown, ShownWindow, reading_of, window_of

T = TypeVar("T", Shown, ShownWindow)
Span = tuple[int, int]
router = APIRouter(tags=["series"], responses=COMMON)
_DEFAULT_READINGS_US: Final = 15 * 60_000_000
_DEFAULT_WINDOWS: Final = 300
_AHEAD_US: Final = 10_000_000
"""The broker's clock may be that much behind those of gateways."""
_CSV: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "JSON, or CSV with format=csv."}
}


class Form(StrEnum):
    """Form of the answer."""

    JSON = "json"
    CSV = "csv"


class Order(StrEnum):
    """Which end of a span comes first, where it takes several pages."""

    OLDEST = "oldest"
    NEWEST = "newest"


class ReadingItem(BaseModel):
    """A clean reading; `time` is the device's."""

    time: TimeText
    value: float | None
    unit: str | None
    quality: QualityName
    reasons: list[str]


class Readings(BaseModel):
    """A page of readings, in the order in which they were stored, each once. `unit` is that of the last one, the
    declared one where there is none. `truncated`: the read of the log was cut short; `next` goes on with it: with later
    ones, or with `order=newest` with earlier ones."""

    items: list[ReadingItem]
    unit: str | None
    next: str | None
    truncated: bool


class QualityCounts(BaseModel):
    """Readings of a window by quality."""

    good: int
    suspect: int
    uncertain: int
    bad: int
    pct_good: float | None


class WindowItem(BaseModel):
    """A closed window; a restated one has a higher revision than the one before it, which it replaces."""

    start: TimeText
    end: TimeText
    unit: str | None
    count: int
    min: float | None
    max: float | None
    mean: float | None
    first: float | None
    last: float | None
    stddev: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    time_weighted_mean: float | None
    quality: QualityCounts
    revision: int
    final: bool


class Aggregates(BaseModel):
    """A page of windows in the order of their start, each in its newest revision of the page. `unit` is that of the
    last one, the declared one where there is none."""

    size_s: int
    items: list[WindowItem]
    unit: str | None
    next: str | None
    truncated: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """What of a series over time is asked for, and which page of it."""

    plant: Plant
    series: SeriesId
    row: int
    from_: datetime | None
    to: datetime | None
    limit: int
    cursor: str | None
    order: Order

    @property
    def rules(self) -> SeriesRules:
        """Those of the series."""
        return self.plant.series.rules[self.row]

    def span_us(self, without_beginning_us: int) -> Span:
        """Beginning and end (µs since the epoch); where no beginning is given, what is so long and ends now."""
        now_us = round(self.plant.now_ms() * 1000)
        to_us = us_of(self.to, now_us + self.rules.times.future_us + _AHEAD_US)
        return us_of(self.from_, max(0, min(to_us, now_us) - without_beginning_us)), to_us

    async def page(self, topic: str, span_us: Span, decode: Callable[[Any], T], time_us: Callable[[T], int]) -> Page[T]:
        """What is of this series and of a time in this span; what cannot be decoded is passed over."""
        key, (from_us, to_us) = self.series.kafka_key, span_us

        def take(record: Any) -> T | None:
            if record.key != key:
                return None
            try:
                item = decode(record.value)
            except DecodeError:
                return None
            return item if item.series == self.series and from_us <= time_us(item) < to_us else None

        from_ms = max(0, from_us - ahead_of(self.plant.series, self.row)) // 1000
        pages, partition = self.plant.pages, self.plant.partition_of(key)
        place = read_cursor(self.cursor, int) if self.cursor else None
        if self.order is Order.OLDEST:
            return await forward_once(pages, topic, partition, place, from_ms, take, self.limit)
        page = await backward_once(pages, topic, partition, place, take, self.limit, from_ms)
        return Page(page.items[::-1], page.next, page.truncated)


def _asked(
    plant: PlantDep,
    who: Operator,
    tenant: PartOfPath,
    site: PartOfPath,
    asset: PartOfPath,
    parameter: PartOfPath,
    from_: Annotated[AwareDatetime | None, Query(alias="from", description="Beginning, ISO-8601 with offset.")] = None,
    to: Annotated[AwareDatetime | None, Query(description="End, exclusive; left out: now.")] = None,
    limit: Annotated[int, Query(ge=1, le=10_000, description="At most so many items.")] = 1000,
    cursor: Cursor = None,
    order: Annotated[
        Order, Query(description="Which end of the span the first page has; each page is in the order of the log.")
    ] = Order.OLDEST,
) -> Asked:
    series = SeriesId(tenant, site, asset, parameter)
    return Asked(plant, series, series_row(plant, who, series), from_, to, limit, cursor, order)


AskedDep = Annotated[Asked, Depends(_asked)]
Format = Annotated[
    Form, Query(description="JSON, or a CSV file; where that has not all, its last row begins with # incomplete.")
]


@router.get(
    "/series/{tenant}/{site}/{asset}/{parameter}/readings",
    operation_id="listReadings",
    response_model=Readings,
    responses=problems(404) | _CSV,
)
async def readings(asked: AskedDep, format: Format = Form.JSON) -> Readings | Response:
    """Clean readings between two times of the device, of the last 15 minutes where no beginning is given."""
    span_us, schemas, declared = asked.span_us(_DEFAULT_READINGS_US), asked.plant.schemas, asked.rules.unit
    page = await asked.page(
        Topic.TELEMETRY_CLEAN, span_us, lambda value: reading_of(value, schemas), lambda one: one.time_us
    )
    next_ = None if page.next is None else write_cursor(page.next)
    if format is Form.CSV:
        rows = ((one.time, one.value, one.unit, one.quality, " ".join(one.reasons)) for one in page.items)
        name = file_name(str(asked.series), *span_us)
        return csv_response(name, ("time", "value", "unit", "quality", "reasons"), rows, next_)
    unit = (page.items[-1].unit if page.items else None) or declared
    items = [
        ReadingItem.model_validate(
            {
                "time": one.time,
                "value": one.value,
                "unit": one.unit or declared,
                "quality": one.quality,
                "reasons": list(one.reasons),
            }
        )
        for one in page.items
    ]
    return Readings(items=items, unit=unit, next=next_, truncated=page.truncated)


@router.get(
    "/series/{tenant}/{site}/{asset}/{parameter}/aggregates",
    operation_id="listAggregates",
    response_model=Aggregates,
    responses=problems(404) | _CSV,
)
async def aggregates(
    asked: AskedDep,
    size_s: Annotated[int, Query(ge=1, le=31_536_000, description="Size of the windows, one of the series' sizes.")],
    format: Format = Form.JSON,
) -> Aggregates | Response:
    """Closed windows that begin between two times, the last 300 where no beginning is given."""
    sizes, declared = asked.plant.topology.declared.window_sizes_s, asked.rules.unit
    if size_s not in sizes:
        raise ApiError(400, f"No window has {size_s} s.", f"The sizes are: {', '.join(map(str, sizes)) or 'none yet'}.")
    span_us = asked.span_us(_DEFAULT_WINDOWS * size_s * 1_000_000)
    page = await asked.page(Topic.aggregates(size_s), span_us, window_of, lambda one: one.start_us)
    newest: dict[int, ShownWindow] = {}
    for one in page.items:
        if one.start_us not in newest or newest[one.start_us].revision <= one.revision:
            newest[one.start_us] = one
    items = [_window(newest[start]) for start in sorted(newest)]
    next_ = None if page.next is None else write_cursor(page.next)
    if format is Form.CSV:
        columns = [name for name in WindowItem.model_fields if name != "quality"]
        qualities = list(QualityCounts.model_fields)
        rows = (
            [*(getattr(one, name) for name in columns), *(getattr(one.quality, name) for name in qualities)]
            for one in items
        )
        name = file_name(f"{asked.series}-{size_s}s", *span_us)
        return csv_response(name, [*columns, *qualities], rows, next_)
    unit = (items[-1].unit if items else None) or declared
    return Aggregates(size_s=size_s, items=items, unit=unit, next=next_, truncated=page.truncated)


def ahead_of(index: SeriesIndex, row: int) -> int:
    """How much (µs) earlier than its device says something of a series may have been stored.

    As its clock was seen to be, within what is accepted: to read an hour more for every series costs too much.
    """
    return min(int(index.column("ahead")[row]), index.rules[row].times.future_us) + _AHEAD_US


def _window(window: ShownWindow) -> WindowItem:
    values, quality = window.values, window.quality
    return WindowItem(
        start=window.start,
        end=window.end,
        unit=window.unit,
        count=values.get("count", 0),
        mean=values.get("avg"),
        time_weighted_mean=values.get("time_weighted_avg"),
        **{name: values.get(name) for name in ("min", "max", "first", "last", "stddev", "p50", "p95", "p99")},
        quality=QualityCounts.model_validate(quality),
        revision=window.revision,
        final=window.final,
    )
