"""Logging: one form for our own records and for those of libraries, and no secrets in either."""

from __future__ import annotations

import contextlib
import io
import json
import logging
from typing import Any

import pytest
from pydantic import SecretStr

from ironstream.log import configure_logging, get_logger


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


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


def test_what_is_written_goes_to_the_stderr_of_that_moment() -> None:
    first, second = io.StringIO(), io.StringIO()
    with contextlib.redirect_stderr(first):
        configure_logging("INFO", "json")
    first.close()
    with contextlib.redirect_stderr(second):
        get_logger("x").info("still here")

    assert records(second)[0]["message"] == "still here"


class Broken(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_a_record_that_cannot_be_written_is_told_without_what_it_holds(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("INFO", "json", Broken())

    try:
        raise ConnectionError("no answer from s3cret")
    except ConnectionError:
        get_logger("x").error("device_lost", error="no answer from ***", address="s3cret")

    assert capsys.readouterr().err == "a log record of x could not be written: OSError\n"


def test_a_log_that_nobody_can_hear_of_disturbs_nothing() -> None:
    closed = io.StringIO()
    closed.close()
    with contextlib.redirect_stderr(closed):
        configure_logging("INFO", "json")
        get_logger("x").info("into the void")
