"""Pieces of SQL that several panels share.

Everything that reads the large tables goes by their key (tenant, series, time): series of the scope first, then one
range of the index for each.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from deploy.grafana.variables import chosen

FROM: Final = "$__timeFrom()::timestamptz"
TO: Final = "$__timeTo()::timestamptz"
STANDING: Final = "('ACTIVE', 'ACKNOWLEDGED', 'CLEARED_UNACKED')"
"""States in which an alarm is on an operator's list."""
ANNUNCIATED: Final = "state = 'ACTIVE' AND (previous_state IS NULL OR previous_state = 'CLEARED_UNACKED')"
"""Transitions that called for a person: a new occurrence, or one that came back. The end of a shelf is none."""
SEVERITY_RANK: Final = "array_position(ARRAY['INFO', 'LOW', 'MEDIUM', 'HIGH', 'CRITICAL'], {})"

SIZES: Final[Mapping[str, int]] = {"1s": 1, "10s": 10, "1min": 60, "1hour": 3600}
"""Tables of aggregates by name, with the length of their windows in seconds, finest first."""
RAW_SPAN_S: Final = 15 * 60
"""A time range up to this is shown with every reading."""
MOST_WINDOWS: Final = 5_400
"""A longer range takes the finest table with at most so many windows of a series: about three to a pixel."""

BUCKET: Final = "to_timestamp(floor(extract(epoch FROM {}) * 1000 / $__interval_ms) * $__interval_ms / 1000)"
"""The interval that Grafana asks for, as its macro makes it, but of one type with and without TimescaleDB."""
RECENT: Final = f"greatest({FROM}, {TO} - interval '6 hours')"
"""From where panels read that must look at every reading: the last six hours of a longer range."""


def of_scope(alias: str, asset: bool = True) -> str:
    """Condition: the row is of the tenant, sites and assets chosen."""
    of_asset = f" AND {chosen(f'{alias}.asset_id', 'asset')}" if asset else ""
    return f"{alias}.tenant_id = ${{tenant:sqlstring}} AND {chosen(f'{alias}.site_id', 'site')}{of_asset}"


def of_asset(alias: str) -> str:
    """Condition: the row is of the one asset chosen."""
    return (
        f"{alias}.tenant_id = ${{tenant:sqlstring}} AND {alias}.site_id = ${{site:sqlstring}}"
        f" AND {alias}.asset_id = ${{asset:sqlstring}}"
    )


def latest(schema: str, columns: str) -> str:
    """A lateral join of the newest reading of each series `s` as `l`, however old; what is not yet is left out."""
    return f"""LEFT JOIN LATERAL (
    SELECT {columns} FROM {schema}.readings r
    WHERE r.tenant_id = s.tenant_id AND r.series_id = s.series_id AND r.time <= {TO}
    ORDER BY r.time DESC LIMIT 1
  ) l ON true"""


def wanted_size(sizes: Mapping[str, int], raw: bool) -> str:
    """Seconds of the windows that suit the time range; 0: every reading, which is only with `raw`."""
    steps = [(0, RAW_SPAN_S)] if raw else []
    *finer, last = sizes.values()
    steps += [(size_s, size_s * MOST_WINDOWS) for size_s in finer]
    cases = " ".join(f"WHEN {TO} - {FROM} <= interval '{span_s} seconds' THEN {size_s}" for size_s, span_s in steps)
    return f"CASE {cases} ELSE {last} END" if cases else str(last)


def available(schema: str, sizes: Mapping[str, int], series: str, raw: bool) -> str:
    """Sizes that a series has in the time range: slow ones have no small windows, and some are declared few."""
    found = ["SELECT 0 AS size_s"] if raw else []
    found += [
        f"SELECT {size_s} AS size_s WHERE EXISTS (SELECT FROM {schema}.aggregates_{name} w WHERE"
        f" w.tenant_id = {series}.tenant_id AND w.series_id = {series}.series_id AND $__timeFilter(w.window_start))"
        for name, size_s in sizes.items()
    ]
    return "\n      UNION ALL ".join(found)


def windows(schema: str, sizes: Mapping[str, int], columns: str, picked: str = "picked") -> str:
    """Rows of the windows of each series of `picked`, from the table that its `size_s` names."""
    return "\n  UNION ALL ".join(
        f"SELECT {columns} FROM {picked} p JOIN {schema}.aggregates_{name} w USING (tenant_id, series_id)"
        f" WHERE p.size_s = {size_s} AND $__timeFilter(w.window_start)"
        for name, size_s in sizes.items()
    )


def picked(schema: str, sizes: Mapping[str, int], condition: str, want: str, raw: bool) -> str:
    """Series with the size to show: the largest up to the one wanted, else the smallest there is; none: no row."""
    return f"""SELECT s.tenant_id, s.series_id, s.site_id, s.asset_id, size.size_s
  FROM {schema}.series s CROSS JOIN LATERAL (
    SELECT coalesce(max(size_s) FILTER (WHERE size_s <= {want}), min(size_s)) AS size_s FROM (
      {available(schema, sizes, "s", raw)}
    ) have
  ) size
  WHERE {condition} AND size.size_s IS NOT NULL"""


def coarse(sizes: Mapping[str, int]) -> dict[str, int]:
    """Tables for figures over many series: windows of a minute or more, or the largest there is."""
    return {name: size_s for name, size_s in sizes.items() if size_s >= 60} or dict([list(sizes.items())[-1]])
