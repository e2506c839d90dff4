"""Sites and assets at a glance: who is silent, what is not good, what stands on the alarm list."""

from __future__ import annotations

from collections.abc import Mapping

from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana import look, panels, sql, variables

_SILENT_S = 300
_AGE = look.limits((_SILENT_S, look.MEDIUM), (3600, look.HIGH), unit="s")
_COUNTS = {
    "critical": look.limits((1, look.URGENT)),
    "high": look.limits((1, look.HIGH)),
    "other": look.limits((1, look.MEDIUM)),
    "unacknowledged": look.limits((1, look.URGENT)),
}


def dashboard(schema: str, sizes: Mapping[str, int]) -> Dashboard:
    """The dashboard over the tables of a schema."""
    board = panels.Board("fleet", "ironstream: fleet", "Sites and assets: last seen, worst quality, alarms, readings.")
    board.variables(variables.tenant(schema), variables.site(schema), variables.asset(schema))
    board.add(_now(schema), height=4)
    board.add(
        panels.listing(
            "Sites",
            "A row per site: the newest reading of any of its series, the worst quality among the newest readings of"
            " its series in the time range, alarms that stand now, readings of the last minute of the time range.",
            _per_place(schema, "site_id", "count(DISTINCT asset_id) AS assets"),
            {
                **_COUNTS,
                "site": [
                    look.link("Assets of the site", "/d/ironstream-fleet?${tenant:queryparam}&var-site=${__value.text}")
                ],
                "worst": look.coloured(look.QUALITIES),
                "age": _AGE,
                "per_s": _per_s(),
            },
        ),
        height=7,
    )
    board.add(
        panels.listing(
            "Assets",
            "As above for each asset; those that need a person come first. Follow an asset to its trends.",
            _per_place(schema, "site_id, asset_id", "count(*) AS series"),
            {
                **_COUNTS,
                "asset": [look.to_asset()],
                "worst": look.coloured(look.QUALITIES),
                "age": _AGE,
                "per_s": _per_s(),
            },
        ),
        height=14,
    )
    board.add(_rate(schema, sizes))
    return board.build()


def _per_s() -> look.Properties:
    return [look.prop("displayName", "readings/s"), look.prop("decimals", 1)]


def _latest(schema: str) -> str:
    return f"""latest AS (
  SELECT s.site_id, s.asset_id, l.time, l.quality, recent.readings
  FROM {schema}.series s
  {sql.latest(schema, "r.time, r.quality")}
  CROSS JOIN LATERAL (
    SELECT count(*) AS readings FROM {schema}.readings r
    WHERE r.tenant_id = s.tenant_id AND r.series_id = s.series_id
      AND r.time > {sql.TO} - interval '1 minute' AND r.time <= {sql.TO}
  ) recent
  WHERE {sql.of_scope("s")}
)"""


def _now(schema: str) -> panels.AnyPanel:
    return panels.numbers(
        "Now",
        f"Silent: nothing from any series of the asset for {_SILENT_S // 60} minutes before the end of the time range."
        " Alarms as they stand now.",
        f"""
WITH {_latest(schema)}, per_asset AS (
  SELECT site_id, asset_id, max(time) AS seen, max(quality) FILTER (WHERE time >= {sql.FROM}) AS worst
  FROM latest GROUP BY site_id, asset_id
), standing AS (
  SELECT count(*) AS standing, count(*) FILTER (WHERE a.state IN ('ACTIVE', 'CLEARED_UNACKED')) AS unacknowledged
  FROM {schema}.alarms a WHERE {sql.of_scope("a")} AND a.state IN {sql.STANDING}
)
SELECT count(*) AS assets,
  count(*) FILTER (WHERE seen IS NULL OR seen < {sql.TO} - interval '{_SILENT_S} seconds') AS silent,
  count(*) FILTER (WHERE worst > 0) AS "not good",
  round((SELECT sum(readings) FROM latest) / 60.0, 1) AS "readings/s",
  (SELECT standing FROM standing) AS "standing alarms",
  (SELECT unacknowledged FROM standing) AS unacknowledged
FROM per_asset""",
        {
            "silent": look.figure((1, look.MEDIUM)),
            "not good": look.figure((1, look.MEDIUM)),
            "unacknowledged": look.figure((1, look.URGENT)),
        },
    )


def _per_place(schema: str, by: str, counted: str) -> str:
    """A row per `by`, those that need a person first."""
    names = ", ".join(f"{column} AS {column.removesuffix('_id')}" for column in by.split(", "))
    return f"""
WITH {_latest(schema)}, seen AS (
  SELECT {by}, {counted}, max(time) AS last_seen, extract(epoch FROM {sql.TO} - max(time))::float8 AS age,
    max(quality) FILTER (WHERE time >= {sql.FROM}) AS worst, (sum(readings) / 60.0)::float8 AS per_s
  FROM latest GROUP BY {by}
), standing AS (
  SELECT {by}, count(*) FILTER (WHERE a.severity = 'CRITICAL') AS critical,
    count(*) FILTER (WHERE a.severity = 'HIGH') AS high,
    count(*) FILTER (WHERE a.severity NOT IN ('CRITICAL', 'HIGH')) AS other,
    count(*) FILTER (WHERE a.state IN ('ACTIVE', 'CLEARED_UNACKED')) AS unacknowledged
  FROM {schema}.alarms a WHERE {sql.of_scope("a")} AND a.state IN {sql.STANDING}
  GROUP BY {by}
)
SELECT {names}, {counted.split()[-1]}, last_seen, age, worst,
  coalesce(critical, 0) AS critical, coalesce(high, 0) AS high, coalesce(other, 0) AS other,
  coalesce(unacknowledged, 0) AS unacknowledged, per_s
FROM seen LEFT JOIN standing USING ({by})
ORDER BY coalesce(critical, 0) DESC, coalesce(high, 0) DESC, coalesce(other, 0) DESC, worst DESC NULLS LAST,
  age DESC NULLS FIRST, {by}"""


def _rate(schema: str, sizes: Mapping[str, int]) -> panels.AnyPanel:
    of_sizes = sql.coarse(sizes)
    want = sql.wanted_size(of_sizes, raw=False)
    taken = "\n  UNION ALL ".join(
        f"SELECT s.site_id, w.window_start, w.good + w.suspect + w.uncertain + w.bad AS readings, {size_s} AS size_s"
        f" FROM {schema}.series s JOIN {schema}.aggregates_{name} w USING (tenant_id, series_id)"
        f" WHERE {sql.of_scope('s')} AND {want} = {size_s} AND $__timeFilter(w.window_start)"
        for name, size_s in of_sizes.items()
    )
    return panels.lines(
        "Readings per second by site",
        f"From the windows of {' or '.join(of_sizes)}, as the time range asks; series that have no such windows (less"
        " than two readings in each) are left out. BAD readings, which are in no other table, count here.",
        "none",
        f"""
WITH taken AS (
  {taken}
)
SELECT {sql.BUCKET.format("window_start")} AS time, site_id AS metric,
  (sum(readings) / (count(DISTINCT window_start) * max(size_s)))::float8 AS "readings/s"
FROM taken GROUP BY 1, 2 ORDER BY 1, 2""",
        interval="1m",
    )
