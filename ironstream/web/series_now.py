"""One series as it is now: its newest reading, live where it is on a screen, and what is declared of it."""

from __future__ import annotations

from math import isfinite
from typing import Final

from pydantic import BaseModel, Field

from ironstream.contract import AlarmState, Quality, SeriesId
from ironstream.domain.series import NEVER
from ironstream.web.alarm_index import STANDING
from ironstream.web.board import STALE, Board
from ironstream.web.models import QualityName, iso_of
from ironstream.web.models import Time as TimeText
from ironstream.web.plant import Plant
from ironstream.web.telemetry_records import Shown

_SHOWN_STATES: Final = STANDING | {AlarmState.SUPPRESSED}


class Range(BaseModel):
    """The values that are possible; null: no limit."""

    min: float | None
    max: float | None


class SeriesNow(BaseModel):
    """A series with its newest reading. All of the reading is null where none was ever heard.

    `value` is null while the quality is BAD; `quality_reasons` is null where the reason is not known here. `age_s` is
    that of this reading, by the log's clock: since it came, or since its device's time where that is older by more than
    clocks may differ, whatever older readings came since. `stale`: older than three expected intervals (60 s where none
    is known).
    """

    parameter: str
    value: float | None
    unit: str | None = Field(description="Of this reading; null where it is not known.")
    quality: QualityName | None
    quality_reasons: list[str] | None
    device_time: TimeText | None
    kafka_time: TimeText | None = Field(description="When it came; null where that is not known here.")
    as_of: TimeText | None = Field(description="What a reading of the stream has to reach to be as new as this one.")
    age_s: float | None
    stale: bool
    expected_interval_s: float | None = Field(description="Time between two readings; null where it is not known.")
    stale_after_s: float
    range: Range
    max_rate: float | None = Field(description="Fastest possible change, in units per second; null: not checked.")
    rate_per_s: float = Field(description="Clean readings per second over the last half minute.")
    declared: bool
    canonical_name: str | None
    alarms: list[str] = Field(description="Ids of the alarms that stand, or are suppressed.")


def series_now(plant: Plant, board: Board, row: int) -> SeriesNow:
    """What is known of a row of the index."""
    index = plant.series
    series, rules, state = index.ids[row], index.rules[row], index.state[row]
    heard = bool(index.column("heard")[row])
    came_us = int(index.column("came")[row]) if heard else NEVER
    watermark_us = int(state["watermark"])
    shown = fresh(plant.live.last(series), came_us, watermark_us)
    quality = Quality(int(state["last_quality"])).name if heard else None
    value, device_us = float(state["last_value"]), int(state["last_time"])
    if quality == "BAD":
        value, device_us = float("nan"), watermark_us
    stale_after_s = float(index.column("stale_after")[row]) / 1e6
    age_s = None if came_us == NEVER else finite(float(board.age_s[row]))
    stale = bool(board.state[row] == STALE)
    kafka_time = iso_of(came_us) if index.column("exact")[row] else None
    as_of_us = min(came_us, watermark_us) if quality == "GOOD" else came_us
    if shown is not None:
        age_s = max(0.0, plant.now_ms() / 1000 - shown.aged_from_us(rules.times.skew_suspect_us) / 1e6)
        # where the row is not stale yet, nothing else may be on its way: a commit takes a while
        stale = age_s > stale_after_s + (0 if stale else plant.allowance_ms / 1000)
        as_of_us = shown.as_of_us
        value = float("nan") if shown.value is None else shown.value
        quality, device_us, kafka_time = shown.quality, shown.time_us, shown.kafka_time
    return SeriesNow.model_validate(
        {
            "parameter": series.parameter,
            "value": finite(value) if heard or shown else None,
            "unit": _unit(shown, rules.unit, quality, other=bool(index.column("other_unit")[row])),
            "quality": quality,
            "quality_reasons": list(shown.reasons) if shown else [] if quality == "GOOD" else None,
            "device_time": iso_of(device_us) if heard or shown else None,
            "kafka_time": kafka_time,
            "as_of": iso_of(as_of_us) if heard or shown else None,
            "age_s": None if age_s is None else round(age_s, 3),
            "stale": stale,
            "expected_interval_s": rules.expected_interval_us / 1e6 or None,
            "stale_after_s": stale_after_s,
            "range": Range(min=finite(rules.minimum), max=finite(rules.maximum)),
            "max_rate": finite(rules.max_rate),
            "rate_per_s": round(float(board.rate[row]), 3),
            "declared": bool(index.column("declared")[row]),
            "canonical_name": rules.canonical_name,
            "alarms": standing(plant, series),
        }
    )


def _unit(shown: Shown | None, declared: str | None, quality: str | None, *, other: bool) -> str | None:
    """The reading's own. One that is not looked up has the declared unit unless it may be the wrong one: it is as of
    another topology, or it is UNCERTAIN, which a unit that cannot be converted makes it.
    """
    if shown is not None:
        return shown.unit or declared
    return None if other or quality == "UNCERTAIN" else declared


def fresh(shown: Shown | None, came_us: int, watermark_us: int) -> Shown | None:
    """A reading that was seen live, unless that of the table, which came then with this device time, is newer."""
    if shown is None or shown.kafka_time is None:
        return None
    # a row names the log's clock to the ms, and so does a reading
    if shown.came_us // 1000 < came_us // 1000:
        return None
    newer = shown.time_us >= watermark_us or shown.as_of_us >= min(came_us, watermark_us)
    return shown if newer else None


def standing(plant: Plant, series: SeriesId) -> list[str]:
    """Ids of the alarms on a series that somebody has to know of."""
    asset = f"{series.tenant_id}/{series.site_id}/{series.asset_id}"
    found = (one for one in plant.alarms.of_asset(asset) if one.parameter == series.parameter)
    return sorted(one.alarm_id for one in found if one.state in _SHOWN_STATES)


def finite(value: float) -> float | None:
    """The number; None for NaN and the infinities, which JSON lacks."""
    return value if isfinite(value) else None
