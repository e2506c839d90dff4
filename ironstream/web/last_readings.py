"""The last readings of an asset, looked up in telemetry.clean where the table does not say enough: why, in what
unit, and when."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import structlog
from aiokafka.errors import KafkaError

from ironstream.contract import SeriesId, Topic
from ironstream.domain.batch import GOOD
from ironstream.errors import DecodeError
from ironstream.web.plant import Plant
from ironstream.web.problems import ApiError
from ironstream.web.series_now import fresh
from ironstream.web.telemetry_records import Shown, reading_of

_LOG = structlog.get_logger(__name__)
_MOST_S: Final = 0.7
_BEFORE_MS: Final = 2_000
_AFTER_MS: Final = 10_000
_MOST_READINGS: Final = 5_000


async def look_up(plant: Plant, rows: Iterable[int]) -> None:
    """Read, within a short time, the last readings of an asset's series of which rows do not say all: why one is not
    GOOD, its unit, when it came.

    `plant.live` remembers them. Where Kafka is away, or it takes too long, they stay unknown.
    """
    index = plant.series
    wanted: dict[SeriesId, int] = {}
    for row in rows:
        series, state = index.ids[row], index.state[row]
        append_us = int(state["last_append"])
        came_us, watermark_us = int(index.column("came")[row]), int(state["watermark"])
        says_all = int(state["last_quality"]) == GOOD and index.rules[row].unit is not None
        says_all = says_all and not index.column("other_unit")[row] and bool(index.column("exact")[row])
        known = fresh(plant.live.last(series), came_us, watermark_us)
        if index.column("heard")[row] and not says_all and known is None:
            wanted[series] = append_us
    if not wanted:
        return
    key = next(iter(wanted)).kafka_key
    # those that fell silent long before the others would cost a read of all that came since
    newest_ms = max(wanted.values()) // 1000

    def take(record: Any) -> Shown | None:
        if record.key == key:
            try:
                return reading_of(record.value, plant.schemas)
            except DecodeError:
                return None
        return None

    try:
        page = await plant.pages.forward(
            Topic.TELEMETRY_CLEAN,
            plant.partition_of(key),
            None,
            newest_ms - _BEFORE_MS,
            take,
            _MOST_READINGS,
            until_ms=newest_ms + _AFTER_MS,
            most_s=_MOST_S,
        )
    except (KafkaError, OSError, ApiError) as error:
        _LOG.debug("reasons_not_read", error=str(error))
        return
    for reading in page.items:
        if reading.series in wanted:
            plant.live.remember(reading)
