"""Readings and windows of a series over time, from the log, in bounded pages."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import AwareDatetime, BaseModel

from ironstream.contract import SeriesId, Topic
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

T = TypeVar("T")
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


From = Annotated[AwareDatetime | None, Query(alias="from", description="Beginning, ISO-8601 with offset.")]
To = Annotated[AwareDatetime | None, Query(description="End, exclusive; left out: now.")]
Format = Annotated[
    Form, Query(description="JSON, or a CSV file; where that has not all, its last row begins with # incomplete.")
]
First = Annotated[
    Order, Query(description="Which end of the span the first page has; each page is in the order of the log.")
]


@router.get(
    "/series/{tenant}/{site}/{asset}/{parameter}/readings",
    operation_id="listReadings",
    response_model=Readings,
    responses=problems(404) | _CSV,
)
async def readings(
    plant: PlantDep,
    who: Operator,
    tenant: PartOfPath,
    site: PartOfPath,
    asset: PartOfPath,
    parameter: PartOfPath,
    from_: From = None,
    to: To = None,
    limit: Annotated[int, Query(ge=1, le=10_000, description="At most so many readings.")] = 1000,
    cursor: Cursor = None,
    format: Format = Form.JSON,
    order: First = Order.OLDEST,
) -> Readings | Response:
    """Clean readings between two times of the device, of the last 15 minutes where no beginning is given."""
    series = SeriesId(tenant, site, asset, parameter)
    row = series_row(plant, who, series)
    rules, now_us, ahead_us = plant.series.rules[row], round(plant.now_ms() * 1000), ahead_of(plant.series, row)
    to_us = us_of(to, now_us + rules.times.future_us + _AHEAD_US)
    from_us = us_of(from_, max(0, min(to_us, now_us) - _DEFAULT_READINGS_US))
    key = series.kafka_key

    def take(record: Any) -> Shown | None:
        if record.key != key:
            return None
        try:
            reading = reading_of(record.value, plant.schemas)
        except DecodeError:
            return None
        return reading if reading.series == series and from_us <= reading.time_us < to_us else None

    page = await _page(
        plant, Topic.TELEMETRY_CLEAN, key, cursor, max(0, from_us - ahead_us) // 1000, take, limit, order
    )
    next_ = None if page.next is None else write_cursor(page.next)
    if format is Form.CSV:
        rows = ((one.time, one.value, one.unit, one.quality, " ".join(one.reasons)) for one in page.items)
        return csv_response(
            file_name(str(series), from_us, to_us), ("time", "value", "unit", "quality", "reasons"), rows, next_
        )
    unit = (page.items[-1].unit if page.items else None) or rules.unit
    items = [
        ReadingItem.model_validate(
            {
                "time": one.time,
                "value": one.value,
                "unit": one.unit or rules.unit,
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
    plant: PlantDep,
    who: Operator,
    tenant: PartOfPath,
    site: PartOfPath,
    asset: PartOfPath,
    parameter: PartOfPath,
    size_s: Annotated[int, Query(ge=1, le=31_536_000, description="Size of the windows, one of the series' sizes.")],
    from_: From = None,
    to: To = None,
    limit: Annotated[int, Query(ge=1, le=10_000, description="At most so many windows.")] = 1000,
    cursor: Cursor = None,
    format: Format = Form.JSON,
    order: First = Order.OLDEST,
) -> Aggregates | Response:
    """Closed windows that begin between two times, the last 300 where no beginning is given."""
    series = SeriesId(tenant, site, asset, parameter)
    row = series_row(plant, who, series)
    rules = plant.series.rules[row]
    sizes = plant.topology.declared.window_sizes_s
    if size_s not in sizes:
        raise ApiError(400, f"No window has {size_s} s.", f"The sizes are: {', '.join(map(str, sizes)) or 'none yet'}.")
    now_us, ahead_us = round(plant.now_ms() * 1000), ahead_of(plant.series, row)
    to_us = us_of(to, now_us + rules.times.future_us + _AHEAD_US)
    from_us = us_of(from_, max(0, min(to_us, now_us) - _DEFAULT_WINDOWS * size_s * 1_000_000))
    key = series.kafka_key

    def take(record: Any) -> ShownWindow | None:
        if record.key != key:
            return None
        try:
            window = window_of(record.value)
        except DecodeError:
            return None
        return window if window.series == series and from_us <= window.start_us < to_us else None

    page = await _page(
        plant, Topic.aggregates(size_s), key, cursor, max(0, from_us - ahead_us) // 1000, take, limit, order
    )
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
        return csv_response(file_name(f"{series}-{size_s}s", from_us, to_us), [*columns, *qualities], rows, next_)
    unit = (items[-1].unit if items else None) or rules.unit
    return Aggregates(size_s=size_s, items=items, unit=unit, next=next_, truncated=page.truncated)


async def _page(
    plant: Plant,
    topic: str,
    key: bytes,
    cursor: str | None,
    from_ms: int,
    take: Callable[[Any], T | None],
    limit: int,
    order: Order,
) -> Page[T]:
    partition, place = plant.partition_of(key), read_cursor(cursor, int) if cursor else None
    if order is Order.OLDEST:
        return await forward_once(plant.pages, topic, partition, place, from_ms, take, limit)
    page = await backward_once(plant.pages, topic, partition, place, take, limit, from_ms)
    return Page(page.items[::-1], page.next, page.truncated)


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
