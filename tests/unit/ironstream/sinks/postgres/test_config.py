"""What a configuration may say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from ironstream.sinks.classes import DataClass
from ironstream.sinks.postgres import config
from ironstream.sinks.postgres.config import PostgresConfig, TimescaleConfig
from ironstream.sinks.registry import SINKS


@pytest.mark.parametrize(
    ("given", "faults"),
    [
        ({}, ["either dsn or host"]),
        ({"dsn": "postgresql://h/d", "host": "h"}, ["either dsn or host"]),
        ({"dsn": "mysql://h/d"}, ["must begin with postgresql://"]),
        (
            {"dsn": "postgresql://u:x@h/d", "password": "y", "ca_file": "/ca"},
            ["stands in dsn and in", "ca_file is for"],
        ),
        ({"host": "h", "schema": 'a"b'}, ["schema"]),
        ({"host": "h", "retention": {"aggregates_days": {"fast": 3}, "readings_days": 0}}, ["fast", "readings_days"]),
    ],
)
def test_every_fault_is_named_at_once_and_no_secret(given: dict[str, Any], faults: list[str]) -> None:
    with pytest.raises(ValidationError) as caught:
        PostgresConfig.model_validate(given)

    assert all(fault in str(caught.value) for fault in faults)


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"host": "db", "database": "plant"}, "db:5432/plant"),
        ({"dsn": "postgresql://u:hidden@db:6000/plant?sslmode=require"}, "db:6000/plant"),
        ({"dsn": "postgresql://u:${secret:pw}@db/plant"}, "db:5432/plant"),
        ({"dsn": "${secret:dsn}"}, "the database of the dsn"),
    ],
)
def test_the_place_is_named_without_its_password(given: dict[str, Any], place: str) -> None:
    made = PostgresConfig.model_validate(given)

    assert made.place == place
    assert "hidden" not in f"{made.place} {made.claims} {made!r}"


def test_two_sinks_claim_the_same_place_however_they_name_it() -> None:
    by_parts = PostgresConfig.model_validate({"host": "db", "database": "plant", "password": "x"})
    by_dsn = PostgresConfig.model_validate({"dsn": "postgresql://u:y@db:5432/plant"})
    elsewhere = PostgresConfig.model_validate({"host": "db", "database": "plant", "schema": "other"})

    assert by_parts.claims == by_dsn.claims
    assert by_parts.claims != elsewhere.claims


@pytest.mark.parametrize("name", ["sample.yaml", "sample-timescaledb.yaml"])
def test_the_samples_are_valid(name: str) -> None:
    sample = yaml.safe_load((Path(config.__file__).parent / name).read_text(encoding="utf-8"))

    SINKS[sample["kind"]].config_model.model_validate(sample["config"])


def test_partitions_are_longer_where_windows_are() -> None:
    made = PostgresConfig.model_validate({"host": "h", "intervals": {"aggregates_days": {"1min": 60}}})

    sizes = {"1s": 1, "10s": 10, "30s": 30, "1min": 60, "1hour": 3600}
    assert [made.interval_days(DataClass.AGGREGATES, name, size) for name, size in sizes.items()] == [
        1,
        7,
        7,
        60,
        365,
    ]


def test_row_level_security_and_compression_exclude_each_other() -> None:
    with pytest.raises(ValidationError, match="compress_after_days: null"):
        TimescaleConfig(host="h", row_level_security=True)

    assert TimescaleConfig(host="h", row_level_security=True, compress_after_days=None).row_level_security
