"""Settings: what the environment may say, and how it is told off."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from ironstream.errors import ConfigurationError
from ironstream.settings import Settings, load_settings


def test_the_defaults_suit_one_machine_with_the_embedded_kafka() -> None:
    settings = load_settings()

    assert settings.bootstrap == "127.0.0.1:9092"
    assert (settings.partitions, settings.replication) == (12, 1)
    assert settings.metrics_host == "127.0.0.1"
    assert settings.data_dir.is_absolute()


def test_the_environment_goes_before_the_defaults_and_the_command_line_before_both(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IRONSTREAM_PARTITIONS", "24")
    monkeypatch.setenv("IRONSTREAM_LOG_LEVEL", "DEBUG")

    settings = load_settings(partitions=6, bootstrap=None)

    assert (settings.partitions, settings.log_level, settings.bootstrap) == (6, "DEBUG", "127.0.0.1:9092")


def test_every_fault_is_named_and_no_value_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRONSTREAM_PARTITIONS", "many")
    monkeypatch.setenv("IRONSTREAM_COMPRESSION", "rar")
    monkeypatch.setenv("IRONSTREAM_BOOTSTRAP", "kafka-1:9092,kafka-2")
    monkeypatch.setenv("IRONSTREAM_SASL_PASSWORD", "hunter2")

    with pytest.raises(ConfigurationError) as caught:
        load_settings()

    for name in ("IRONSTREAM_PARTITIONS", "IRONSTREAM_COMPRESSION", "IRONSTREAM_BOOTSTRAP"):
        assert f"{name}: " in str(caught.value)
    assert "'kafka-2' is not host:port" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_misspelt_override_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="IRONSTREAM_PARTITION: "):
        load_settings(partition=3)


def test_sasl_without_a_password_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IRONSTREAM_SECURITY_PROTOCOL", "SASL_SSL")

    with pytest.raises(ConfigurationError, match="SASL_SSL needs sasl_username and sasl_password"):
        load_settings()


def test_the_password_reaches_the_client_but_no_text() -> None:
    settings = Settings.model_validate(
        {"security_protocol": "SASL_SSL", "sasl_username": "plant", "sasl_password": "hunter2"}
    )

    kwargs = settings.kafka_client_kwargs()

    assert kwargs["sasl_plain_password"] == "hunter2"
    assert isinstance(kwargs["ssl_context"], ssl.SSLContext)
    assert kwargs["ssl_context"].verify_mode is ssl.CERT_REQUIRED
    assert "hunter2" not in repr(settings) + str(settings) + settings.model_dump_json()


def test_a_plain_connection_needs_no_security_arguments() -> None:
    assert Settings(bootstrap="a:1, b:2").kafka_client_kwargs() == {
        "bootstrap_servers": ["a:1", "b:2"],
        "security_protocol": "PLAINTEXT",
    }


def test_a_certificate_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    settings = Settings(security_protocol="SSL", ssl_ca_file=tmp_path / "ca.pem")

    with pytest.raises(ConfigurationError, match=r"ca\.pem"):
        settings.kafka_client_kwargs()


def test_every_setting_is_described_and_names_its_unit() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        if field.annotation is float:
            assert name.endswith("_s"), name


def test_the_prefix_is_put_before_each_topic() -> None:
    assert Settings(topic_prefix="plant1.").topic("telemetry.raw") == "plant1.telemetry.raw"


def test_a_prefix_that_kafka_would_refuse_is_refused_here() -> None:
    with pytest.raises(ConfigurationError, match="IRONSTREAM_TOPIC_PREFIX"):
        load_settings(topic_prefix="plant 1/")
