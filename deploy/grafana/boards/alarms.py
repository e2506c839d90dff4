"""Alarms: what stands, what happened, and whether the alarm system itself is in order (ISA-18.2, EEMUA 191)."""

from __future__ import annotations

from collections.abc import Mapping

from grafana_foundation_sdk.builders import common
from grafana_foundation_sdk.models import common as words
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana import look, panels, sql, variables

FLOOD = 10
"""Alarms in ten minutes above which nobody can answer them."""
_PLACE = "site_id AS site, asset_id AS asset, type, parameter"


def dashboard(schema: str, sizes: Mapping[str, int]) -> Dashboard:
    """The dashboard over the tables of a schema; `sizes` do not matter to it."""
    board = panels.Board("alarms", "ironstream: alarms", "Active now, journal, and the alarm system's own figures.")
    board.variables(variables.tenant(schema), variables.site(schema), variables.asset(schema))
    board.add(_figures(schema), height=4)
    board.add(_standing(schema), height=10)
    board.add(_rate(schema), 14, 9)
    board.add(_top_ten(schema), 10, 9)
    board.add(_stale(schema), 12)
    board.add(_chattering(schema), 12)
    board.add(_shelved(schema), 24, 6)
    board.row("Journal")
    board.add(_journal(schema), height=12)
    return board.build()


def _raises(schema: str) -> str:
    return f"""raises AS (
  SELECT j.*, lag(j.time, 2) OVER (PARTITION BY alarm_id ORDER BY j.time, occurrence_id, transition) AS third
  FROM {schema}.alarm_journal j
  WHERE {sql.of_scope("j")} AND {sql.ANNUNCIATED} AND $__timeFilter(j.time)
)"""


_CHATTERS = "time - third <= interval '60 seconds'"


def _figures(schema: str) -> panels.AnyPanel:
    return panels.numbers(
        "Figures",
        "Standing, unacknowledged and stale (for more than 24 h) are now; the others are of the time range: alarms in"
        " the worst ten minutes of a site, share of ten minutes in flood of the worst site, alarms that chatter.",
        f"""
WITH now AS (
  SELECT count(*) AS standing, count(*) FILTER (WHERE a.state IN ('ACTIVE', 'CLEARED_UNACKED')) AS unacknowledged,
    count(*) FILTER (WHERE a.raised_at < now() - interval '24 hours') AS stale
  FROM {schema}.alarms a WHERE {sql.of_scope("a")} AND a.state IN {sql.STANDING}
), {_raises(schema)}, tens AS (
  SELECT site_id, count(*) AS n FROM raises GROUP BY site_id, floor(extract(epoch FROM time) / 600)
), sites AS (
  SELECT count(*) FILTER (WHERE n > {FLOOD}) AS floods FROM tens GROUP BY site_id
)
SELECT standing, unacknowledged, stale,
  (SELECT coalesce(max(n), 0) FROM tens) AS "worst 10 min",
  (SELECT coalesce(max(floods), 0) FROM sites)::float8 * 600
    / extract(epoch FROM {sql.TO} - {sql.FROM})::float8 AS "in flood",
  (SELECT count(DISTINCT alarm_id) FROM raises WHERE {_CHATTERS}) AS chattering
FROM now""",
        {
            "unacknowledged": look.figure((1, look.URGENT)),
            "stale": look.figure((1, look.MEDIUM)),
            "worst 10 min": look.figure((FLOOD + 1, look.HIGH)),
            # EEMUA 191: in flood for less than one hundredth of the time
            "in flood": [*look.figure((0.01, look.HIGH), unit="percentunit"), look.prop("decimals", 1)],
            "chattering": look.figure((1, look.MEDIUM)),
        },
    )


def _standing(schema: str) -> panels.AnyPanel:
    return panels.listing(
        "Active now",
        "Whatever the time range. By severity, then the oldest first.",
        f"""
SELECT a.severity, a.state, {_PLACE}, message, a.raised_at, extract(epoch FROM now() - a.raised_at)::float8 AS age,
  a.value::text AS value, threshold, unit, acked_by, a.count, a.comment
FROM {schema}.alarms a
WHERE {sql.of_scope("a")} AND a.state IN {sql.STANDING}
ORDER BY {sql.SEVERITY_RANK.format("a.severity")} DESC, a.state = 'ACKNOWLEDGED', a.raised_at
LIMIT 1000""",
        {
            "severity": look.coloured(look.SEVERITIES),
            "state": look.coloured(look.STATES),
            "age": [look.prop("unit", "s")],
            "asset": [look.to_asset()],
        },
    )


def _rate(schema: str) -> panels.AnyPanel:
    panel = panels.lines(
        "Alarms per ten minutes by site",
        f"New alarms and those that came back. Above the line of {FLOOD} it is a flood.",
        "none",
        f"""
SELECT $__timeGroupAlias(j.time, '10m', 0), j.site_id AS metric, count(*) AS alarms
FROM {schema}.alarm_journal j
WHERE {sql.of_scope("j")} AND {sql.ANNUNCIATED} AND $__timeFilter(j.time)
GROUP BY 1, 2 ORDER BY 1, 2""",
    )
    return (
        panel.draw_style(words.GraphDrawStyle.BARS)
        .fill_opacity(60)
        .min(0)
        .axis_soft_max(FLOOD + 2)
        .thresholds(look.thresholds((FLOOD, look.URGENT)))
        .thresholds_style(common.GraphThresholdsStyleConfig().mode(words.GraphThresholdsStyleMode.DASHED))
    )


def _top_ten(schema: str) -> panels.AnyPanel:
    return panels.listing(
        "Top ten",
        "The most frequent alarms of the time range and their share of all: a few bad actors are most of the load.",
        f"""
WITH {_raises(schema)}
SELECT {_PLACE},
  (array_agg(severity ORDER BY {sql.SEVERITY_RANK.format("severity")} DESC))[1] AS severity,
  count(*) AS alarms,
  (count(*)::float8 / sum(count(*)) OVER ())::float8 AS share
FROM raises GROUP BY alarm_id, site_id, asset_id, type, parameter
ORDER BY alarms DESC, site, asset, type LIMIT 10""",
        {
            "severity": look.coloured(look.SEVERITIES),
            "share": [look.prop("unit", "percentunit"), look.prop("decimals", 0)],
            "asset": [look.to_asset()],
        },
    )


def _stale(schema: str) -> panels.AnyPanel:
    return panels.listing(
        "Stale: standing for more than 24 h",
        "An alarm that stands for days tells nobody anything: mend its cause, its limit, or shelve it.",
        f"""
SELECT a.severity, a.state, {_PLACE}, a.raised_at, extract(epoch FROM now() - a.raised_at)::float8 AS age
FROM {schema}.alarms a
WHERE {sql.of_scope("a")} AND a.state IN {sql.STANDING} AND a.raised_at < now() - interval '24 hours'
ORDER BY a.raised_at LIMIT 500""",
        {
            "severity": look.coloured(look.SEVERITIES),
            "state": look.coloured(look.STATES),
            "age": [look.prop("unit", "s")],
            "asset": [look.to_asset()],
        },
    )


def _chattering(schema: str) -> panels.AnyPanel:
    return panels.listing(
        "Chattering: three times in 60 s",
        "Alarms that were raised three times or more within 60 seconds in the time range: their deadband or their"
        " delays are too small.",
        f"""
WITH {_raises(schema)}
SELECT {_PLACE}, count(*) AS alarms, count(*) FILTER (WHERE {_CHATTERS}) AS chatters,
  max(time) FILTER (WHERE {_CHATTERS}) AS last
FROM raises GROUP BY alarm_id, site_id, asset_id, type, parameter
HAVING count(*) FILTER (WHERE {_CHATTERS}) > 0
ORDER BY chatters DESC, site, asset, type LIMIT 200""",
        {"chatters": look.limits((1, look.MEDIUM)), "asset": [look.to_asset()]},
    )


def _shelved(schema: str) -> panels.AnyPanel:
    return panels.listing(
        "Shelved and suppressed now",
        "Silent until the time that is named, or until they clear.",
        f"""
SELECT a.severity, {_PLACE}, message, a.until, a.actor, a.reason, a.comment
FROM {schema}.alarms a WHERE {sql.of_scope("a")} AND a.state = 'SUPPRESSED'
ORDER BY {sql.SEVERITY_RANK.format("a.severity")} DESC, a.until NULLS LAST LIMIT 500""",
        {"severity": look.coloured(look.SEVERITIES)},
    )


def _journal(schema: str) -> panels.AnyPanel:
    return panels.listing(
        "Journal",
        "Every transition of the time range, the newest 2 000.",
        f"""
SELECT j.time, j.severity, previous_state, j.state, {_PLACE}, message, j.actor, j.comment, j.reason,
  j.value::text AS value, threshold, unit, transition, occurrence_id, rule_id
FROM {schema}.alarm_journal j
WHERE {sql.of_scope("j")} AND $__timeFilter(j.time)
ORDER BY j.time DESC, occurrence_id, transition DESC LIMIT 2000""",
        {"severity": look.coloured(look.SEVERITIES), "state": look.coloured(look.STATES)},
    )
