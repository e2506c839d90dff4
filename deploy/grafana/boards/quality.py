"""How good the data are: share of GOOD, why not, what is missing, whose clock is wrong."""

from __future__ import annotations

from collections.abc import Mapping

from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana import look, panels, sql, variables

_LINES = 20
_RECENT = "Of the last six hours of a longer time range, for every reading must be looked at."
# `clock_skew` begins at five seconds, its events at ten (times.skew_suspect_s and skew_event_s of topology.yaml)
_SKEW_STEPS = ((5.0, look.MEDIUM), (10.0, look.HIGH))


def dashboard(schema: str, sizes: Mapping[str, int]) -> Dashboard:
    """The dashboard over the tables of a schema."""
    board = panels.Board("quality", "ironstream: quality", "Share of GOOD, reasons, gaps, clock skew.", "now-24h")
    board.variables(variables.tenant(schema), variables.site(schema), variables.asset(schema))
    board.add(_share_over_time(schema, sizes, "site_id"), 12)
    board.add(_share_over_time(schema, sizes, "asset_id"), 12)
    board.add(_share_of_assets(schema, sizes), 14, 10)
    board.add(_reasons(schema), 10, 10)
    board.row("Gaps")
    board.add(_gaps_over_time(schema), 12)
    board.add(_gaps(schema), 12)
    board.row("Clocks")
    board.add(_skew_over_time(schema), 12)
    board.add(_skew(schema), 12)
    return board.build()


def _counted(schema: str, sizes: Mapping[str, int]) -> str:
    of_sizes = sql.coarse(sizes)
    want = sql.wanted_size(of_sizes, raw=False)
    columns = "p.site_id, p.asset_id, w.window_start, w.good, w.suspect, w.uncertain, w.bad"
    return f"""WITH picked AS (
  {sql.picked(schema, of_sizes, sql.of_scope("s"), want, raw=False)}
), counted AS (
  {sql.windows(schema, of_sizes, columns)}
)"""


_SHARE = "(100 * sum(good) / nullif(sum(good + suspect + uncertain + bad), 0))::float8"


def _share_over_time(schema: str, sizes: Mapping[str, int], by: str) -> panels.AnyPanel:
    of_assets = by == "asset_id"
    label = "site_id || '/' || asset_id" if of_assets else "site_id"
    # a line for each of a thousand assets shows nothing, and takes long to do so
    worst = f"""
WHERE (site_id, asset_id) IN (
  SELECT site_id, asset_id FROM counted GROUP BY 1, 2 ORDER BY {_SHARE}, 1, 2 LIMIT {_LINES}
)"""
    panel = panels.lines(
        f"Share of GOOD, the {_LINES} worst assets" if of_assets else "Share of GOOD by site",
        "Of all readings that came, BAD ones among them, by the windows that they are in.",
        "percent",
        f"""
{_counted(schema, sizes)}
SELECT {sql.BUCKET.format("window_start")} AS time, {label} AS metric, {_SHARE} AS "% GOOD"
FROM counted{worst if of_assets else ""}
GROUP BY 1, 2 ORDER BY 1, 2""",
        interval="1m",
    )
    return panel.max(100).axis_soft_min(90)


def _share_of_assets(schema: str, sizes: Mapping[str, int]) -> panels.AnyPanel:
    return panels.listing(
        "Assets, worst first",
        "Readings of the time range by quality. BAD ones are in the dead letters, and nowhere else in the store.",
        f"""
{_counted(schema, sizes)}
SELECT site_id AS site, asset_id AS asset, {_SHARE} AS good_share, sum(good)::bigint AS good,
  sum(suspect)::bigint AS suspect, sum(uncertain)::bigint AS uncertain, sum(bad)::bigint AS bad
FROM counted GROUP BY 1, 2 ORDER BY 3 NULLS LAST, 1, 2""",
        {
            "good_share": [
                *look.limits((0, look.HIGH), (95, look.MEDIUM), (99, look.NONE), unit="percent"),
                look.prop("displayName", "% GOOD"),
                look.prop("decimals", 2),
            ],
            "asset": [look.to_asset()],
        },
    )


def _reasons(schema: str) -> panels.AnyPanel:
    return panels.listing(
        "Reasons",
        f"Why readings are not GOOD. A reading may have several. {_RECENT}",
        f"""
SELECT reason, count(*) AS readings, count(DISTINCT r.series_id) AS series,
  count(DISTINCT (s.site_id, s.asset_id)) AS assets, max(r.time) AS last
FROM {schema}.series s JOIN {schema}.readings r USING (tenant_id, series_id)
CROSS JOIN LATERAL unnest(r.reasons) AS reason
WHERE {sql.of_scope("s")} AND r.quality > 0 AND r.time BETWEEN {sql.RECENT} AND {sql.TO}
GROUP BY 1 ORDER BY 2 DESC, 1""",
        {},
    )


def _gaps_over_time(schema: str) -> panels.AnyPanel:
    panel = panels.lines(
        "Gaps by site",
        "Series that were silent for more than twice their expected interval, when they came back.",
        "none",
        f"""
SELECT $__timeGroupAlias(e.time, $__interval, 0), e.site_id AS metric, count(*) AS gaps
FROM {schema}.events e
WHERE {sql.of_scope("e")} AND e.type = 'gap' AND $__timeFilter(e.time)
GROUP BY 1, 2 ORDER BY 1, 2""",
        interval="1m",
    )
    return panel.min(0)


def _gaps(schema: str) -> panels.AnyPanel:
    return panels.listing(
        "Series with gaps",
        "Samples that are missing, by the interval at which they were expected.",
        f"""
SELECT e.site_id AS site, e.asset_id AS asset, e.parameter, count(*) AS gaps,
  sum((e.details ->> 'missing_samples')::numeric)::float8 AS missing,
  (max((e.details ->> 'actual_gap_ms')::numeric) / 1000)::float8 AS longest, max(e.time) AS last
FROM {schema}.events e
WHERE {sql.of_scope("e")} AND e.type = 'gap' AND $__timeFilter(e.time)
GROUP BY 1, 2, 3 ORDER BY missing DESC NULLS LAST LIMIT 200""",
        {"longest": [look.prop("unit", "s")]},
    )


def _skew_over_time(schema: str) -> panels.AnyPanel:
    panel = panels.lines(
        f"Clock skew, the {_LINES} worst assets",
        f"The greatest difference between the clocks of device and gateway, ahead or behind. {_RECENT}",
        "s",
        f"""
WITH skews AS (
  SELECT {sql.BUCKET.format("r.time")} AS time, s.site_id || '/' || s.asset_id AS metric,
    (max(abs(r.clock_skew_ms)) / 1000.0)::float8 AS skew
  FROM {schema}.series s JOIN {schema}.readings r USING (tenant_id, series_id)
  WHERE {sql.of_scope("s")} AND r.clock_skew_ms IS NOT NULL AND r.time BETWEEN {sql.RECENT} AND {sql.TO}
  GROUP BY 1, 2
)
SELECT time, metric, skew FROM skews
WHERE metric IN (SELECT metric FROM skews GROUP BY metric ORDER BY max(skew) DESC, metric LIMIT {_LINES})
ORDER BY time, metric""",
        interval="10s",
    )
    return panel.min(0).axis_soft_max(1)


def _skew(schema: str) -> panels.AnyPanel:
    return panels.listing(
        "Clocks",
        "The newest difference of each asset (gateway less device) and its events in the time range.",
        f"""
WITH newest AS (
  SELECT s.site_id, s.asset_id, l.time, l.clock_skew_ms
  FROM {schema}.series s
  {sql.latest(schema, "r.time, r.clock_skew_ms")}
  WHERE {sql.of_scope("s")} AND l.clock_skew_ms IS NOT NULL AND l.time >= {sql.FROM}
), told AS (
  SELECT e.site_id, e.asset_id, count(*) AS events FROM {schema}.events e
  WHERE {sql.of_scope("e")} AND e.type = 'clock_skew' AND $__timeFilter(e.time) GROUP BY 1, 2
), clocks AS (
  SELECT DISTINCT ON (site_id, asset_id) site_id, asset_id, time, (clock_skew_ms / 1000.0)::float8 AS skew
  FROM newest ORDER BY site_id, asset_id, time DESC
)
SELECT site_id AS site, asset_id AS asset, skew, abs(skew) AS size, coalesce(events, 0) AS events, time
FROM clocks LEFT JOIN told USING (site_id, asset_id)
ORDER BY size DESC, site, asset LIMIT 200""",
        {
            "skew": [look.prop("unit", "s")],
            "size": look.limits(*_SKEW_STEPS, unit="s"),
        },
    )
