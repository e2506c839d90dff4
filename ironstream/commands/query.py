"""`ironstream query`: what the store holds."""

from __future__ import annotations

import time
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final

import typer

from ironstream.commands.options import TopologyOption, export_settings, settings_of
from ironstream.commands.output import run
from ironstream.commands.query_export import export
from ironstream.commands.query_store import StoreOption, opened_store
from ironstream.domain.times import to_iso

if TYPE_CHECKING:
    from ironstream.query.series import SeriesRows
    from ironstream.query.store import LastValue

app = typer.Typer(
    no_args_is_help=True,
    help="Ask the store that a sink of topology.yaml fills: last values, a series, exports.",
)
_DAY: Final = "7d"


class QueryOutput(StrEnum):
    """Form of what is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


QueryOutputOption = Annotated[
    QueryOutput,
    typer.Option("--output", "-o", help="Tables for people (local time); JSON or CSV for programs (UTC)."),
]


@app.command()
def last(
    pattern: Annotated[
        str, typer.Argument(help="ASSET, ASSET/PARAMETER, SITE/ASSET/PARAMETER, or with the tenant; * is any text.")
    ] = "*",
    within: Annotated[
        str, typer.Option("--within", metavar="TIME", help="Leave out what is silent for longer: 1h, 7d, 52w.")
    ] = _DAY,
    store: StoreOption = None,
    topology: TopologyOption = None,
    output: QueryOutputOption = QueryOutput.TABLE,
) -> None:
    """Show the last value of each series with its age, unit and quality. Exit code 1 when there is none.

    Examples:

      ironstream query last

      ironstream query last 'north-works/pump-*/temperature' --within 30d

      ironstream query last pump-1 --output json
    """
    from ironstream.commands.query_output import print_last
    from ironstream.query.patterns import SeriesPattern
    from ironstream.query.times import parse_time

    export_settings(topology=topology)
    wanted = SeriesPattern.parse(pattern)
    now_us = _now_us()
    first_us = parse_time(f"-{within.removeprefix('-')}", now_us)

    async def read() -> tuple[list[LastValue], str]:
        async with opened_store(settings_of(), store) as there:
            return await there.last(wanted, first_us), there.where

    found, where = run(read())
    print_last(found, output, now_us, f"{where} has no value of {pattern} since {to_iso(first_us)}.")
    if not found:
        raise typer.Exit(1)


@app.command()
def series(
    name: Annotated[
        str,
        typer.Argument(metavar="TENANT/SITE/ASSET/PARAMETER", help="The series; tenant and site where there is doubt."),
    ],
    first: Annotated[
        str, typer.Option("--from", metavar="TIME", help="-15m, -2h, -7d, or ISO-8601 (of this machine's zone).")
    ] = "-1h",
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="Likewise, or now.")] = "now",
    resolution: Annotated[
        str, typer.Option("--resolution", "-r", help="raw, 1s, 10s, 1min, 1hour, …; auto: at most 500 rows.")
    ] = "auto",
    store: StoreOption = None,
    topology: TopologyOption = None,
    output: QueryOutputOption = QueryOutput.TABLE,
) -> None:
    """Show a series between two times, as readings or as windows of them. Exit code 1 when there is nothing.

    Examples:

      ironstream query series acme/north-works/pump-1/temperature

      ironstream query series pump-1/temperature --from -7d --resolution 1hour

      ironstream query series pump-1/temperature --from 2025-01-10T06:00 --to 2025-01-10T14:00 --output csv
    """
    from ironstream.commands.query_output import print_series
    from ironstream.query.series import read_series
    from ironstream.query.times import parse_range

    export_settings(topology=topology)
    first_us, end_us = parse_range(first, end, _now_us())

    async def read() -> SeriesRows:
        async with opened_store(settings_of(), store) as there:
            return await read_series(there, name, resolution, first_us, end_us)

    print_series(run(read()), output, first_us, end_us)


app.command()(export)


def _now_us() -> int:
    return time.time_ns() // 1000
