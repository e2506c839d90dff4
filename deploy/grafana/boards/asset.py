"""One asset: its trends in the resolution that suits the time range, last values, alarms, events."""

from __future__ import annotations

from collections.abc import Mapping

from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.models import common as words
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana import look, panels, sql, variables


def dashboard(schema: str, sizes: Mapping[str, int]) -> Dashboard:
    """The dashboard over the tables of a schema."""
    board = panels.Board("asset", "ironstream: asset", "Trends, last values, alarms and events of one asset.", "now-1h")
    board.variables(
        variables.tenant(schema),
        variables.site(schema, several=False),
        variables.asset(schema, several=False),
        variables.parameter(schema),
        variables.resolution(list(sizes)),
    )
    board.add(_last_values(schema), 12, 9)
    board.add(_alarms(schema), 12, 9)
    board.add(_states(schema), height=5)
    board.row("Trends")
    board.add(_trend(schema, sizes).repeat("parameter").repeat_direction("h").max_per_row(2), 24, 8)
    board.row("Events")
    board.add(_events(schema), height=9)
    return board.build()


def _trend(schema: str, sizes: Mapping[str, int]) -> timeseries.Panel:
    # `auto` goes by the time range; what is named goes by its name
    named = " ".join(f"WHEN '{name}' THEN {size_s}" for name, size_s in {"raw": 0, **sizes}.items())
    want = f"(CASE ${{resolution:sqlstring}} {named} ELSE {sql.wanted_size(sizes, raw=True)} END)"
    condition = f"{sql.of_asset('s')} AND s.parameter IN (${{parameter:sqlstring}})"
    columns = "w.window_start AS time, w.avg, w.min, w.max, w.count, w.pct_good < 100 AS odd"
    query = f"""
WITH picked AS (
  {sql.picked(schema, sizes, condition, want, raw=True)}
), points AS (
  SELECT r.time, r.value AS avg, r.value AS min, r.value AS max, 1 AS count, r.quality > 0 AS odd
  FROM picked p JOIN {schema}.readings r USING (tenant_id, series_id)
  WHERE p.size_s = 0 AND $__timeFilter(r.time)
  UNION ALL {sql.windows(schema, sizes, columns)}
), grouped AS (
  SELECT CASE WHEN {want} = 0 THEN time ELSE {sql.BUCKET.format("time")} END AS time,
    sum(avg * count) / nullif(sum(count) FILTER (WHERE avg IS NOT NULL), 0) AS avg,
    min(min) AS min, max(max) AS max, bool_or(odd) AS odd
  FROM points GROUP BY 1
)
SELECT time, avg AS mean, min, max, CASE WHEN odd THEN avg END AS "not GOOD"
FROM grouped ORDER BY time"""
    hidden = look.prop("custom.hideFrom", {"legend": True, "tooltip": False, "viz": False})
    thin = [look.prop("custom.lineWidth", 0), look.prop("custom.showPoints", "never"), hidden]
    return (
        panels.lines(
            "${parameter}",
            f"Every reading up to {sql.RAW_SPAN_S // 60} minutes, then the finest windows of which a series has at most"
            f" {sql.MOST_WINDOWS} in the time range (of {', '.join(sizes)}), gathered to what the panel is wide. A"
            " series without windows of that size shows the next finer ones, or its readings. The band goes from"
            " the least to the greatest value; points are what was not GOOD.",
            "short",
            query,
        )
        .color_scheme(look.fixed())
        .override_by_name("min", thin)
        .override_by_name("max", [*thin, look.prop("custom.fillBelowTo", "min"), look.prop("custom.fillOpacity", 20)])
        .override_by_name(
            "not GOOD",
            [
                look.prop("color", look.fixed(look.MEDIUM).build()),
                look.prop("custom.drawStyle", words.GraphDrawStyle.POINTS),
                look.prop("custom.pointSize", 6),
                look.prop("custom.showPoints", "always"),
            ],
        )
    )


def _last_values(schema: str) -> panels.AnyPanel:
    columns = "r.time, r.value, r.unit, r.quality, r.reasons"
    return panels.listing(
        "Last values",
        "The newest reading of each series, however old. A dead sensor has no value.",
        f"""
SELECT s.parameter, l.value, coalesce(l.unit, s.unit) AS unit, l.quality, array_to_string(l.reasons, ', ') AS reasons,
  l.time, extract(epoch FROM {sql.TO} - l.time)::float8 AS age
FROM {schema}.series s
{sql.latest(schema, columns)}
WHERE {sql.of_asset("s")} AND s.parameter IN (${{parameter:sqlstring}})
ORDER BY l.quality DESC NULLS LAST, s.parameter""",
        {
            "value": [look.prop("decimals", 3)],
            "quality": look.coloured(look.QUALITIES),
            "age": look.limits((300, look.MEDIUM), (3600, look.HIGH), unit="s"),
        },
    )


def _alarms(schema: str) -> panels.AnyPanel:
    return panels.listing(
        "Alarms",
        "What stands now, and what was raised in the time range.",
        f"""
SELECT severity, state, type, parameter, message, raised_at, cleared_at, acked_by, value::text AS value, threshold, unit
FROM {schema}.alarms a
WHERE {sql.of_asset("a")} AND (a.state IN {sql.STANDING} OR $__timeFilter(a.raised_at))
ORDER BY a.state IN {sql.STANDING} DESC, {sql.SEVERITY_RANK.format("a.severity")} DESC, a.raised_at DESC
LIMIT 500""",
        {"severity": look.coloured(look.SEVERITIES), "state": look.coloured(look.STATES)},
    )


def _states(schema: str) -> panels.AnyPanel:
    code = " ".join(f"WHEN '{name}' THEN {number}" for name, number in look.STATE_CODES.items())
    return panels.time_line(
        "Alarm states",
        "Red active, grey acknowledged, yellow cleared but not acknowledged; nothing while cleared or shelved.",
        f"""
WITH occurrences AS (
  SELECT occurrence_id FROM {schema}.alarm_journal j WHERE {sql.of_asset("j")} AND j.time >= {sql.FROM}
  UNION SELECT occurrence_id FROM {schema}.alarms a WHERE {sql.of_asset("a")} AND a.state <> 'CLEARED'
), known AS (
  SELECT time, type, parameter, state, transition FROM {schema}.alarm_journal j
  WHERE {sql.of_asset("j")} AND $__timeFilter(j.time)
  UNION ALL
  SELECT before.* FROM occurrences o CROSS JOIN LATERAL (
    SELECT time, type, parameter, state, transition FROM {schema}.alarm_journal j
    WHERE j.tenant_id = ${{tenant:sqlstring}} AND j.occurrence_id = o.occurrence_id AND j.time < {sql.FROM}
    ORDER BY transition DESC LIMIT 1
  ) before
)
SELECT greatest(time, {sql.FROM}) AS time, concat_ws(' ', type, parameter) AS metric, CASE state {code} END AS state
FROM known ORDER BY 1, transition""",
        look.codes(look.STATES, look.STATE_CODES),
    )


def _events(schema: str) -> panels.AnyPanel:
    return panels.listing(
        "Events",
        "The newest 500 of the time range: of the machine, and what was noticed of its data (gap, clock_skew, …).",
        f"""
SELECT time, type, parameter, "from"::text AS "from", "to"::text AS "to", value::text AS value, details::text AS details
FROM {schema}.events e
WHERE {sql.of_asset("e")} AND $__timeFilter(e.time)
ORDER BY time DESC LIMIT 500""",
        {},
    )
