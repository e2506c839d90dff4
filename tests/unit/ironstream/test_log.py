"""Logging: one form for our own records and for those of libraries, and no secrets in either."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from ironstream.log import configure_logging, get_logger


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level, logging.getLogger("aiokafka").level)
    yield io.StringIO()
    root.handlers[:] = before[0]
    root.setLevel(before[1])
    logging.getLogger("aiokafka").setLevel(before[2])
    structlog.reset_defaults()


def records(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_record_is_one_json_object_with_time_level_and_fields(stream: io.StringIO) -> None:
    configure_logging("INFO", "json", stream)

    get_logger("ironstream.x").info("partition assigned", topic="telemetry.raw", partition=3)

    (record,) = records(stream)
    assert record["message"] == "partition assigned"
    assert (record["level"], record["logger"]) == ("info", "ironstream.x")
    assert (record["topic"], record["partition"]) == ("telemetry.raw", 3)
    assert record["time"].endswith("Z")


def test_records_of_libraries_take_the_same_form(stream: io.StringIO) -> None:
    configure_logging("INFO", "json", stream)

    logging.getLogger("somebody").warning("lost %s", "it")

    assert records(stream)[0]["message"] == "lost it"


def test_secrets_are_hidden_by_name_and_by_type_at_any_depth(stream: io.StringIO) -> None:
    configure_logging("INFO", "json", stream)

    get_logger("x").info("connect", dsn=SecretStr("s3cret"), client={"sasl_plain_password": "s3cret", "user": "u"})
    logging.getLogger("lib").info("connect", extra={"api_key": "s3cret"})

    assert "s3cret" not in stream.getvalue()
    assert records(stream)[0]["client"]["user"] == "u"


def test_a_traceback_stays_inside_its_record(stream: io.StringIO) -> None:
    configure_logging("INFO", "json", stream)

    try:
        raise ValueError("broken")
    except ValueError:
        get_logger("x").exception("failed")

    (record,) = records(stream)
    assert "ValueError: broken" in record["exception"]


def test_records_below_the_level_are_left_out(stream: io.StringIO) -> None:
    configure_logging("WARNING", "console", stream)

    get_logger("x").info("quiet")
    get_logger("x").warning("loud")

    assert "quiet" not in stream.getvalue()
    assert "loud" in stream.getvalue()
