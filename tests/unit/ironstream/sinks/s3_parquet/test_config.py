from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from ruamel.yaml import YAML

import ironstream.sinks.s3_parquet
from ironstream.sinks.registry import SINKS
from ironstream.sinks.s3_parquet.config import S3ParquetConfig
from ironstream.sinks.s3_parquet.kind import S3_PARQUET
from ironstream.topology.model.sinks import SinkPart
from tests.support.parquet import config_of, sink_of


def test_the_sample_is_a_sink() -> None:
    sample = YAML(typ="safe").load(Path(ironstream.sinks.s3_parquet.__file__).with_name("sample.yaml"))
    part = SinkPart.model_validate(sample)
    assert SINKS[part.kind] is S3_PARQUET
    config = S3ParquetConfig.model_validate(part.config)
    assert (config.bucket, config.prefix) == ("plant-history", "telemetry")


def test_every_field_is_described() -> None:
    assert [name for name, field in S3ParquetConfig.model_fields.items() if not field.description] == []


@pytest.mark.parametrize(
    ("given", "faults"),
    [
        ({"path": "gs://bucket/x"}, ["neither s3://"]),
        ({"path": "/data/../etc"}, ["'..'"]),
        ({"path": "s3://Bad_Bucket/x"}, ["'Bad_Bucket' is no name"]),
        ({"path": "s3://bucket/a//b"}, ["single slashes"]),
        ({"path": "s3://bucket/a/../b"}, ["single slashes"]),
        ({"path": "s3://bucket", "endpoint_url": "https://me:pw@host"}, ["without user"]),
        ({"path": "s3://bucket", "endpoint_url": "host:9000"}, ["http(s)://"]),
        ({"path": "s3://bucket", "endpoint_url": "http://host:99999"}, ["http(s)://"]),
        ({"path": "s3://bucket", "access_key_id": "x"}, ["given together"]),
        ({"path": "/data", "region": "eu", "compression_level": 3}, ["only with a path s3", "of zstd"]),
        ({"path": "/data", "roll_rows": 10, "held_rows": 5}, ["more than held_rows"]),
    ],
)
def test_every_fault_is_named_at_once(given: dict[str, Any], faults: list[str]) -> None:
    with pytest.raises(ValidationError) as caught:
        S3ParquetConfig.model_validate(given)
    for fault in faults:
        assert fault in str(caught.value)


def test_a_secret_is_not_shown() -> None:
    config = config_of("s3://bucket", access_key_id="AKIDTEST", secret_access_key="very-secret")
    assert "very-secret" not in repr(config)
    assert "AKIDTEST" not in str(config)


def test_the_limits_are_those_of_the_configuration() -> None:
    limits = sink_of(config_of("/data", roll_rows=10, roll_age_s=2.0, roll_record_time_s=None)).limits
    assert (limits.rows, limits.age_s, limits.record_time_s) == (10, 2.0, None)
    assert limits.by == "partition"
    assert not limits.keep_chunks
