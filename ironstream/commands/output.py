"""How commands speak: tables for people, JSON for programs, errors with what to do next on stderr."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine, Iterable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, TypeVar

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from ironstream.errors import BrokerError, IronstreamError

T = TypeVar("T")
_PIPE_WIDTH: Final = 250


class Output(StrEnum):
    """Form of what a command prints."""

    TABLE = "table"
    JSON = "json"


def out() -> Console:
    """Console on stdout. Made anew for each use: tests and `export_svg` put other streams in place."""
    # what is piped has no width: wide enough that no line of a table is folded
    return Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=_PIPE_WIDTH)


def err() -> Console:
    """Console on stderr."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def run(work: Coroutine[Any, Any, T], bootstrap: str = "") -> T:
    """Run a command's coroutine; what aiokafka raises becomes a BrokerError that says where Kafka was looked for."""
    # only commands that ask Kafka come here
    from aiokafka.errors import KafkaError

    try:
        return asyncio.run(work)
    except KafkaError as error:
        raise BrokerError(
            f"Kafka{f' at {bootstrap}' if bootstrap else ''} does not answer: {error}",
            "Is it running, and is IRONSTREAM_BOOTSTRAP (or --bootstrap) its address? `ironstream doctor` looks.",
        ) from error


def print_json(value: Any) -> None:
    """One JSON document on stdout; NaN and the infinities, which JSON lacks, are null."""
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")


def print_json_line(value: Any) -> None:
    """One JSON document on a line of its own, at once: for streams."""
    sys.stdout.write(msgspec.json.encode(value).decode() + "\n")
    sys.stdout.flush()


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table on stdout; a cell is text as it stands, or a rich Text."""
    out().print(table(title, columns, rows))


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """A table in the one style of all commands."""
    made = Table(title=title or None, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(_shown(cell)) for cell in row))
    return made


def progress() -> Progress:
    """A progress bar on stderr, gone when done; nothing at all where stderr is no terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=err(),
        transient=True,
        disable=not sys.stderr.isatty(),
    )


def print_error(error: IronstreamError) -> None:
    """Message in red, hint below, on stderr."""
    console = err()
    console.print(Text("error: ", style="bold red") + Text(error.message))
    if error.hint:
        console.print(Text("  " + error.hint, style="yellow"))


def clock(ms: int | float | None) -> str:
    """Time of day (UTC) of an epoch in ms, for people; empty for None."""
    if ms is None or ms < 0:
        return ""
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]


def _shown(cell: Any) -> str:
    if cell is None:
        return ""
    return f"{cell:,}" if type(cell) is int else str(cell)
