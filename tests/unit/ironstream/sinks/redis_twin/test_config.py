from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

import ironstream.sinks.redis_twin as folder
from ironstream.errors import ConfigurationError
from ironstream.sinks.redis_twin.config import RedisTwinConfig
from ironstream.sinks.redis_twin.connection import Connections
from ironstream.sinks.registry import SINKS
from ironstream.topology.model.sinks import SinkPart


def test_the_sample_is_a_sink_of_topology_yaml() -> None:
    sample = SinkPart(**yaml.safe_load(Path(folder.__path__[0], "sample.yaml").read_text("utf-8")))

    config = SINKS[sample.kind].config_model(**sample.config)

    assert isinstance(config, RedisTwinConfig)
    assert config.max_windows == 7 * 1440
    assert config.ttl_s == 8 * 86_400


def test_every_field_is_described() -> None:
    assert [name for name, field in RedisTwinConfig.model_fields.items() if not field.description] == []


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(ValidationError) as caught:
        RedisTwinConfig(
            host="redis", tls_ca_file="ca.pem", tls_key_file="key.pem", username="kim", cluster=True, database=1,
            ring_fields=("avg", "avg"),
        )  # fmt: skip

    said = str(caught.value)
    for fault in ("ring_fields: avg", "tls_ca_file needs", "go together", "username needs", "database 0 alone"):
        assert fault in said


@pytest.mark.parametrize("prefix", ["", "a{b", "a b", "-a", "a" * 65])
def test_a_prefix_that_could_disturb_the_keys_is_refused(prefix: str) -> None:
    with pytest.raises(ValidationError):
        RedisTwinConfig(host="redis", key_prefix=prefix)


def test_a_password_is_not_shown() -> None:
    config = RedisTwinConfig.model_validate({"host": "redis", "password": "hunter2"})

    assert "hunter2" not in repr(config)


@pytest.mark.parametrize("other", [{"port": 6380}, {"database": 1}, {"key_prefix": "plant-b"}])
def test_two_twins_are_one_only_where_their_keys_are(other: dict[str, Any]) -> None:
    ours = RedisTwinConfig(host="redis")

    assert RedisTwinConfig(host="REDIS").claims == ours.claims
    assert RedisTwinConfig(host="redis", **other).claims != ours.claims


def test_a_certificate_that_cannot_be_read_is_a_fault_of_the_configuration(tmp_path: Path) -> None:
    config = RedisTwinConfig(host="redis", tls=True, tls_ca_file=str(tmp_path / "ca.pem"))

    with pytest.raises(ConfigurationError, match=r"ca\.pem"):
        Connections(config)
