"""What passes by itself, what somebody must mend, and what is the row's fault."""

from __future__ import annotations

import asyncpg
import pytest

from ironstream.errors import ConfigurationError
from ironstream.sinks.postgres.errors import (
    PartitionGoneError,
    RefusedError,
    as_sink_errors,
    as_sink_or_row_errors,
)
from ironstream.sinks.sink import SinkUnavailableError


def error(code: str, constraint: str | None = None) -> asyncpg.PostgresError:
    fields = {"C": code, "M": "the server's words", "D": "its detail"}
    made: asyncpg.PostgresError = asyncpg.PostgresError.new(fields | ({"n": constraint} if constraint else {}))
    return made


@pytest.mark.parametrize("code", ["22003", "22021", "22P05", "23502", "54000"])
def test_what_rows_are_at_fault_for_is_told_with_the_servers_words(code: str) -> None:
    with (
        pytest.raises(RefusedError, match=rf"the server's words; DETAIL:  its detail \({code}\)"),
        as_sink_or_row_errors("db"),
    ):
        raise error(code)
    with pytest.raises(SinkUnavailableError), as_sink_errors("db"):
        raise error(code)


def test_a_row_without_partition_is_not_at_fault_and_one_against_a_constraint_is() -> None:
    with pytest.raises(PartitionGoneError), as_sink_or_row_errors("db"):
        raise error("23514")
    with pytest.raises(RefusedError), as_sink_or_row_errors("db"):
        raise error("23514", "sane")


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("08006", ""),
        ("40001", ""),
        ("57P01", ""),
        ("25006", "primary"),
        ("28P01", "user and password"),
        ("3D000", "CREATE DATABASE"),
        ("42501", "Grant"),
        ("42P01", "dropped"),
        ("42703", "README"),
        ("53100", "disk"),
        ("53300", "max_connections"),
        ("57014", "statement_timeout_s"),
        ("55P03", "pg_locks"),
    ],
)
def test_what_is_not_the_rows_fault_is_repeated_with_what_to_do(code: str, hint: str) -> None:
    with pytest.raises(SinkUnavailableError) as caught, as_sink_or_row_errors("db:5432/plant"):
        raise error(code)

    assert hint in caught.value.hint
    assert "db:5432/plant" in caught.value.message


@pytest.mark.parametrize(
    "lost", [ConnectionRefusedError(), TimeoutError(), EOFError(), asyncpg.InterfaceError("connection is closed")]
)
def test_a_connection_that_is_lost_is_made_again(lost: Exception) -> None:
    with pytest.raises(SinkUnavailableError, match="db"), as_sink_or_row_errors("db"):
        raise lost


def test_a_connection_that_can_not_be_made_as_configured_is_a_fault_of_the_configuration() -> None:
    with pytest.raises(ConfigurationError), as_sink_or_row_errors("db"):
        raise asyncpg.ClientConfigurationError("no such sslmode")
