"""Tables of the events agent: names, row layouts and how long rows are kept (by the log's clock)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ironstream.domain.events import StateCondition
from tables.rows import RowLayout

SERIES_RETENTION_MS: Final = 366 * 86_400_000
"""How long the last state of a series that has fallen silent is remembered."""
TIMES_KEPT: Final = 128
"""A duplicate is known among this many last events of a series."""


@dataclass(frozen=True, slots=True)
class EventSeries:
    """Events of one type (and parameter) of one asset: times (µs) of the last ones taken, and the newest state."""

    recent_us: tuple[int, ...]
    newest_us: int
    state: str | None
    seen_ms: int


@dataclass(frozen=True, slots=True)
class RuleOnSeries:
    """A rule that has matched on a series at least once. It is kept: its number must never begin anew."""

    tenant_id: str
    site_id: str
    asset_id: str
    parameter: str | None
    rule_id: str
    condition: StateCondition


EVENT_SERIES: Final = RowLayout("event_series", b"e/", 1, EventSeries)
"""tenant/site/asset/parameter/type → the series."""
STATE_CONDITIONS: Final = RowLayout("event_conditions", b"r/", 1, RuleOnSeries)
"""tenant/site/asset/parameter/rule → the rule's condition there."""
