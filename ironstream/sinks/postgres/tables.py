"""The tables of the store as data: columns, keys, what of a cut goes where. Names are fixed (README.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ironstream.sinks.classes import DataClass, class_of, size_s_of


@dataclass(frozen=True, slots=True)
class Column:
    """A column. `source` is the column of the cut's table; `series_id` is looked up, not read."""

    name: str
    type: str
    required: bool = False
    source: str = ""

    @property
    def staged_type(self) -> str:
        """Its type in the staging table: JSON is read by the server when it is put into its place."""
        return "text" if self.type == "jsonb" else self.type


@dataclass(frozen=True, slots=True)
class Table:
    """A table that cuts are written into. `key` is its primary key.

    `sort` are the columns that the rows of a cut are ordered by, which tell them apart; of those alike, the one with
    the highest `newest` is written, else the last.
    """

    name: str
    data_class: DataClass
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    sort: tuple[str, ...]
    newest: tuple[str, ...] = ()
    time: str | None = None
    """Column that it is partitioned by; None: it is not."""
    mostly_new: bool = False
    """Whether its rows hardly ever replace others, so that they are first tried without looking for those."""
    size: str = ""
    """Window size as in the topic's name, of aggregates."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns."""
        return tuple(column.name for column in self.columns)

    @property
    def others(self) -> tuple[str, ...]:
        """Names of the columns beside the key."""
        return tuple(name for name in self.names if name not in self.key)

    @property
    def has_series(self) -> bool:
        """Whether its rows belong to series."""
        return "series_id" in self.names


def _columns(text: str) -> tuple[Column, ...]:
    """`name type` each, `!` behind what is never null, `<source` behind what comes from a column of another name."""
    columns = []
    for line in text.strip().splitlines():
        words = line.split()
        source = next((word[1:] for word in words if word[0] == "<"), words[0])
        kind = " ".join(word for word in words[1:] if word[0] not in "<!")
        columns.append(Column(words[0], kind, "!" in words, source))
    return tuple(columns)


READINGS: Final = Table(
    "readings",
    DataClass.READINGS,
    _columns("""
        tenant_id text !
        series_id integer !
        time timestamptz !
        value double precision
        quality smallint !
        reasons text[] <quality_reasons
        unit text
        gateway_time timestamptz
        kafka_time timestamptz
        clock_skew_ms bigint
        seq bigint
        topology_version integer
        raw_partition integer !
        raw_offset bigint !
    """),
    key=("tenant_id", "series_id", "time", "raw_partition", "raw_offset"),
    sort=("series_id", "time", "raw_partition", "raw_offset"),
    time="time",
    mostly_new=True,
)
EVENTS: Final = Table(
    "events",
    DataClass.EVENTS,
    _columns("""
        tenant_id text !
        id text !
        time timestamptz !
        site_id text !
        asset_id text !
        parameter text
        type text !
        from jsonb
        to jsonb
        value jsonb
        details jsonb
        gateway_time timestamptz
        kafka_time timestamptz
    """),
    key=("tenant_id", "id", "time"),
    sort=("time", "tenant_id", "id"),
    time="time",
)
ALARM_JOURNAL: Final = Table(
    "alarm_journal",
    DataClass.ALARMS,
    _columns("""
        tenant_id text !
        occurrence_id text !
        transition integer !
        alarm_id text !
        site_id text !
        asset_id text !
        parameter text
        time timestamptz !
        type text !
        severity text !
        state text !
        previous_state text
        raised_at timestamptz !
        acked_at timestamptz
        acked_by text
        cleared_at timestamptz
        until timestamptz
        message text !
        value jsonb
        threshold double precision
        unit text
        actor text
        comment text
        reason text
        count bigint !
        rule_id text
        evidence_topic text !
        evidence_partition integer !
        evidence_offset bigint !
        topology_version integer
    """),
    key=("tenant_id", "occurrence_id", "transition"),
    sort=("tenant_id", "occurrence_id", "transition"),
)
ALARMS: Final = Table(
    "alarms",
    DataClass.ALARMS,
    ALARM_JOURNAL.columns,
    key=("tenant_id", "occurrence_id"),
    sort=("tenant_id", "occurrence_id"),
    newest=("transition",),
)
_AGGREGATES: Final = _columns("""
    tenant_id text !
    series_id integer !
    window_start timestamptz !
    window_end timestamptz !
    revision integer !
    final boolean !
    unit text
    avg double precision
    min double precision
    max double precision
    stddev double precision
    count bigint
    p50 double precision
    p95 double precision
    p99 double precision
    first double precision
    last double precision
    time_weighted_avg double precision
    percentile_method text
    good bigint
    suspect bigint
    uncertain bigint
    bad bigint
    pct_good double precision
    topology_version integer
""")


def aggregates(size: str) -> Table:
    """The table of windows of a size, as it stands in the topic's name: `1min`."""
    return Table(
        f"aggregates_{size}",
        DataClass.AGGREGATES,
        _AGGREGATES,
        key=("tenant_id", "series_id", "window_start"),
        sort=("series_id", "window_start"),
        newest=("revision", "final"),
        time="window_start",
        size=size,
    )


def table_of(topic: str) -> Table:
    """The table that a topic is written into; for alarms the journal. Raises ValueError for a topic of none."""
    match class_of(topic):
        case DataClass.READINGS:
            return READINGS
        case DataClass.EVENTS:
            return EVENTS
        case DataClass.ALARMS:
            return ALARM_JOURNAL
        case DataClass.AGGREGATES:
            return aggregates(topic.removeprefix("telemetry."))
    raise ValueError(f"{topic} has no table")


def size_s(table: Table) -> int:
    """Window size in seconds; 0 for what has no windows."""
    return size_s_of(f"telemetry.{table.size}") if table.size else 0


STANDARD_SIZES: Final = ("1s", "10s", "1min", "1hour")
"""Sizes whose tables are there from the beginning, so that dashboards find them."""
