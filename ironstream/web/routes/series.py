"""One series: now, its open windows, and the rules that judge it."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter
from pydantic import BaseModel, Field

from ironstream.contract import SeriesId
from ironstream.domain.rules import ConditionRule
from ironstream.web.auth import Principal
from ironstream.web.last_readings import look_up
from ironstream.web.models import Time as TimeText
from ironstream.web.plant import Plant
from ironstream.web.problems import COMMON, not_found, problems
from ironstream.web.routes.deps import Operator, PartOfPath, PlantDep
from ironstream.web.series_now import SeriesNow, finite, series_now
from tables.views import VIEWS
from tables.windows import open_key

router = APIRouter(tags=["series"], responses=COMMON)
_OPEN: Final = next(view for view in VIEWS if view.name == "windows")


class OpenWindow(BaseModel):
    """A window that is open, as of the last commit."""

    size_s: int
    window_start: TimeText | None
    count: int
    mean: float | None
    min: float | None
    max: float | None
    good: int
    suspect: int
    uncertain: int
    bad: int
    revision: int


class AlarmRule(BaseModel):
    """An alarm rule on the series. `low` and `high` are its thresholds, null where it has none."""

    rule_id: str
    kind: str
    type: str
    severity: str
    message: str
    on: str
    low: float | None
    high: float | None
    deadband: float
    for_s: float
    on_delay_s: float
    off_delay_s: float
    latched: bool


class SeriesDetail(SeriesNow):
    """A series with its open windows and its rules."""

    tenant: str
    site: str
    asset: str
    asset_name: str
    site_name: str
    range_is_bad: bool = Field(description="Whether a value outside the range is BAD; else it is SUSPECT.")
    max_step: float | None
    stuck_after_s: float | None
    window_sizes_s: list[int]
    windows: list[OpenWindow]
    rules: list[AlarmRule]
    clean: int = Field(description="Clean readings so far.")
    duplicates: int
    rejected: int
    surplus: int
    too_late: int


@router.get("/series/{tenant}/{site}/{asset}/{parameter}", operation_id="getSeries", responses=problems(404))
async def series(
    plant: PlantDep, who: Operator, tenant: PartOfPath, site: PartOfPath, asset: PartOfPath, parameter: PartOfPath
) -> SeriesDetail:
    """A series with its newest reading, its open windows and the rules that judge it."""
    one = SeriesId(tenant, site, asset, parameter)
    row = series_row(plant, who, one)
    await look_up(plant, [row])
    index, declared = plant.series, plant.topology.declared
    rules, state = index.rules[row], index.state[row]
    now = series_now(plant, plant.board(), row)
    return SeriesDetail.model_validate(
        dict(now)
        | {
            "tenant": tenant,
            "site": site,
            "asset": asset,
            "asset_name": declared.asset((tenant, site, asset))[0],
            "site_name": declared.site_name(tenant, site),
            "range_is_bad": rules.range_is_bad,
            "max_step": finite(rules.max_step),
            "stuck_after_s": rules.stuck_after_us / 1e6 or None,
            "window_sizes_s": [size // 1_000_000 for size in rules.windows],
            "windows": _windows(plant, one, rules.windows),
            "rules": [_rule(rule) for rule in rules.conditions],
        }
        | {name: int(state[name]) for name in ("clean", "duplicates", "rejected", "surplus", "too_late")}
    )


def series_row(plant: Plant, who: Principal, series: SeriesId) -> int:
    """The row of a series that somebody may see. Raises ApiError (404)."""
    row = plant.series.find(series) if who.sees(series.tenant_id) else None
    if row is None:
        raise not_found(f"series {series}")
    return row


def _windows(plant: Plant, series: SeriesId, sizes_us: tuple[int, ...]) -> list[dict[str, Any]]:
    rows = plant.held("telemetry").replica.rows.get(plant.partition_of(series.kafka_key), {})
    found = []
    for size_us in sizes_us:
        key = open_key(size_us, str(series).encode())
        if (value := rows.get(key)) is not None:
            found += [{name: entry[name] for name in entry if name != "key"} for entry in _OPEN.entries(key, value)]
    return found


def _rule(rule: ConditionRule) -> AlarmRule:
    return AlarmRule(
        rule_id=rule.rule_id,
        kind=rule.kind,
        type=rule.type,
        severity=rule.severity,
        message=rule.message,
        on=rule.on,
        low=finite(rule.low),
        high=finite(rule.high),
        deadband=rule.deadband,
        for_s=rule.for_us / 1e6,
        on_delay_s=rule.on_delay_us / 1e6,
        off_delay_s=rule.off_delay_us / 1e6,
        latched=rule.latched,
    )
