"""What the database says, as what a sink says: come again, mend this, or this row is not to be had."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg

from ironstream.errors import ConfigurationError
from ironstream.sinks.sink import SinkUnavailableError

_ROWS: Final = ("22", "23", "54")
"""Classes of SQLSTATE that are about what the rows hold: data, constraints, sizes."""
_HINTS: Final = {
    "28": "Check user and password, and pg_hba.conf of the server.",
    "3D": "Make it (CREATE DATABASE), or name another in `database`.",
    "3F": "The schema was dropped: give its user the right to make it, or restore it.",
    "42501": "Grant it to the sink's user (it must own the tables, and may CREATE and TEMP in the database).",
    "42P01": "A table was dropped: restore it. The sink makes a store anew only where it finds none.",
    "42": "The tables are not as the sink made them: see ironstream/sinks/postgres/README.md.",
    "0A": "The server cannot do this: is its version, or the licence of its extension, the right one?",
    "53100": "Free disk space on the server.",
    "53200": "Give the server more memory, or more max_locks_per_transaction where its message says so.",
    "53300": "Let the server take more connections (max_connections), or fewer clients connect.",
    "25006": "It is a standby or read-only: connect to the primary.",
    "57014": "Raise `statement_timeout_s`, or look for what holds the tables (pg_stat_activity, pg_locks).",
    "55": "Look for what holds the tables (pg_stat_activity, pg_locks).",
}
_LOST: Final = "Is the server there, and does it take connections from here?"


class RefusedError(Exception):
    """The server has something against the rows that it was given. `detail` is what it says, with its SQLSTATE."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


@contextmanager
def as_sink_errors(place: str) -> Iterator[None]:
    """Let out SinkUnavailableError and ConfigurationError alone. `place` names the database."""
    try:
        with as_sink_or_row_errors(place):
            yield
    except RefusedError as error:
        raise SinkUnavailableError(f"{place}: {error.detail}", _HINTS["42"]) from error


@contextmanager
def as_sink_or_row_errors(place: str) -> Iterator[None]:
    """The same around statements that carry rows: RefusedError where they are at fault."""
    try:
        yield
    except asyncpg.PostgresError as error:
        raise _of(error, place) from error
    except asyncpg.ClientConfigurationError as error:
        raise ConfigurationError(
            f"{place}: the connection is configured in a way that cannot be: {error}", "Correct dsn and tls."
        ) from error
    except TimeoutError as error:
        raise SinkUnavailableError(f"{place} does not answer in time", _LOST) from error
    except (OSError, EOFError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise SinkUnavailableError(f"{place} cannot be reached: {error or type(error).__name__}", _LOST) from error


def _of(error: asyncpg.PostgresError, place: str) -> Exception:
    code = error.sqlstate or ""
    said = refusal_text(str(error), code)
    message = f"{place}: {said}"
    if code == "23514" and error.constraint_name is None:
        # no constraint refuses the row: it has no partition any more
        return PartitionGoneError(message)
    if code[:2] in _ROWS:
        return RefusedError(said)
    return SinkUnavailableError(message, _HINTS.get(code) or _HINTS.get(code[:2], ""))


def refusal_text(said: str, code: str) -> str:
    """The server's words on one line, with their SQLSTATE."""
    return "; ".join(said.splitlines()) + (f" ({code})" if code else "")


class PartitionGoneError(SinkUnavailableError):
    """A partition that was there is gone: it was dropped while a cut was under way."""
