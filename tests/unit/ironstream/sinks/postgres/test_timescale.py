"""The SQL for TimescaleDB: what is asked of the extension, and in which order."""

from __future__ import annotations

import pytest

from ironstream.sinks.postgres import timescale
from ironstream.sinks.postgres.config import TimescaleConfig
from ironstream.sinks.postgres.ddl import create_table
from ironstream.sinks.postgres.tables import EVENTS, READINGS, Table, aggregates


@pytest.fixture
def config() -> TimescaleConfig:
    return TimescaleConfig.model_validate({"host": "h", "schema": "plant", "retention": {"readings_days": 90}})


def test_a_hypertable_has_chunks_of_the_interval_and_no_indexes_beside_its_key(config: TimescaleConfig) -> None:
    create, make = create_table("plant", READINGS, lambda table: timescale.hypertable(config, table))

    assert "PARTITION BY" not in create
    assert make == (
        "SELECT create_hypertable('\"plant\".\"readings\"', by_range('time', INTERVAL '1 days'),"
        " create_default_indexes => false, if_not_exists => true)"
    )


@pytest.mark.parametrize(
    ("table", "segment", "order"),
    [
        (READINGS, "tenant_id, series_id", "time DESC, raw_partition, raw_offset"),
        (aggregates("1min"), "tenant_id, series_id", "window_start DESC"),
        (EVENTS, "tenant_id, asset_id", "time DESC, id"),
    ],
)
def test_the_columnstore_is_put_together_by_what_is_asked_for_and_holds_the_whole_key(
    config: TimescaleConfig, table: Table, segment: str, order: str
) -> None:
    alter = next(one for one in timescale.policies(config, table) if one.startswith("ALTER"))

    assert f"timescaledb.segmentby = '{segment}'" in alter
    assert f"timescaledb.orderby = '{order}'" in alter
    named = {word.split()[0] for word in f"{segment}, {order}".split(", ")}
    # upserts look up the key in compressed chunks
    assert set(table.key) <= named


def test_policies_are_set_anew_so_that_a_changed_configuration_counts(config: TimescaleConfig) -> None:
    name = '\'"plant"."readings"\''

    statements = timescale.policies(config, READINGS)

    assert statements[-4:] == [
        f"CALL remove_columnstore_policy({name}, if_exists => true)",
        f"CALL add_columnstore_policy({name}, after => INTERVAL '7 days', if_not_exists => true)",
        f"SELECT remove_retention_policy({name}, if_exists => true)",
        f"SELECT add_retention_policy({name}, drop_after => INTERVAL '90 days', if_not_exists => true)",
    ]


def test_what_is_kept_for_ever_and_never_compressed_has_no_policy() -> None:
    config = TimescaleConfig(host="h", compress_after_days=None)

    statements = timescale.policies(config, aggregates("1hour"))

    assert not any("add_" in one or "ALTER" in one for one in statements)


def test_the_day_is_computed_from_hours_weighted_by_their_counts(config: TimescaleConfig) -> None:
    create, policy = timescale.daily("plant")

    assert "WITH NO DATA" in create  # with data it could not run in a transaction
    assert "sum(avg * count) / nullif(sum(count), 0) AS avg" in create
    assert 'add_continuous_aggregate_policy(\'"plant"."aggregates_1day"\'' in policy
