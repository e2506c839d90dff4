"""What the stages need to know of one series, as compiled from topology.yaml. Times in µs unless named otherwise."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import Literal

ConditionKind = Literal["above", "below", "outside", "inside", "rate_of_change", "no_data", "quality", "state"]


@dataclass(frozen=True, slots=True)
class WindowSize:
    """A tumbling window: its size, how long it waits for stragglers, how long it can still be restated (all µs)."""

    size_us: int
    grace_us: int
    late_retention_us: int


@dataclass(frozen=True, slots=True)
class ConditionRule:
    """One alarm condition on one series (or, for `on="event"`, on one type of event of an asset).

    `low`/`high` bound the condition by kind: above uses `high`, below `low`, outside and inside both; rate_of_change
    uses `high` in units per second; no_data and quality use `for_us`. `deadband` is in the series' unit.
    """

    rule_id: str
    kind: ConditionKind
    type: str
    severity: str
    message: str
    low: float = -inf
    high: float = inf
    deadband: float = 0.0
    for_us: int = 0
    on_delay_us: int = 0
    off_delay_us: int = 0
    latched: bool = False
    on: Literal["reading", "aggregate", "event"] = "reading"
    aggregate_size_us: int = 0
    aggregate_field: str = ""
    event_type: str = ""
    state_from: str | None = None
    state_to: str | None = None
    state_is: str | None = None
    state_is_not: str | None = None


@dataclass(frozen=True, slots=True)
class TimeRules:
    """How far the clocks of a device and of its gateway may be apart (µs)."""

    skew_suspect_us: int = 5_000_000
    skew_event_us: int = 10_000_000
    future_us: int = 3_600_000_000
    past_us: int = 31 * 86_400_000_000


@dataclass(frozen=True, slots=True)
class SeriesRules:
    """Everything that decides about the readings of one series.

    `windows` are the sizes (µs) that the series gets, ascending. `max_rate` is units per second; `stuck_after_us`,
    `expected_interval_us` and `max_rate_per_s` (of the whole asset) are off at 0.
    """

    registered: bool = False
    unit: str | None = None
    expected_interval_us: int = 0
    minimum: float = -inf
    maximum: float = inf
    range_is_bad: bool = True
    max_rate: float = inf
    max_step: float = inf
    stuck_after_us: int = 0
    max_rate_per_s: int = 0
    windows: tuple[int, ...] = ()
    conditions: tuple[ConditionRule, ...] = ()
    times: TimeRules = field(default_factory=TimeRules)
    site_name: str | None = None
    machine_type: str | None = None
    canonical_name: str | None = None
