"""`ironstream query export`: rows of a class into a file."""

from __future__ import annotations

import sys
import time
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from ironstream.commands.options import OutputOption, TopologyOption, export_settings, settings_of
from ironstream.commands.output import Output, err, out, print_json, run
from ironstream.commands.query_store import StoreOption, opened_store
from ironstream.domain.times import to_iso
from ironstream.errors import ConfigurationError

if TYPE_CHECKING:
    import pyarrow as pa

    from ironstream.query.patterns import SeriesPattern
    from ironstream.query.shapes import Shape
    from ironstream.query.store import Store


def export(
    file: Annotated[Path, typer.Argument(help="File to write; its name ends in .parquet or .csv.")],
    label: Annotated[
        str, typer.Option("--class", "-c", metavar="CLASS", help="readings, aggregates_1min, events, alarms, …")
    ] = "readings",
    first: Annotated[
        str, typer.Option("--from", metavar="TIME", help="-15m, -2h, -7d, or ISO-8601 (of this machine's zone).")
    ] = "-1d",
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="Likewise, or now.")] = "now",
    asset: Annotated[
        str | None,
        typer.Option("--asset", "-a", metavar="PATTERN", help="Only these: pump-*, or SITE/ASSET/PARAMETER."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    store: StoreOption = None,
    topology: TopologyOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Write the rows of a class between two times into a file, in order of their time.

    Takes little memory, however many they are. The file is there when it is whole, and not before.

    Examples:

      ironstream query export readings.parquet --from -7d

      ironstream query export pumps.csv --class aggregates_1hour --from 2025-01-01 --to 2025-02-01 --asset 'pump-*'

      ironstream query export alarms.parquet --class alarms --from -365d --store archive
    """
    from ironstream.query.patterns import SeriesPattern
    from ironstream.query.times import parse_range

    export_settings(topology=topology)
    first_us, end_us = parse_range(first, end, time.time_ns() // 1000)
    pattern = SeriesPattern.parse(asset) if asset is not None else SeriesPattern()

    async def work() -> int:
        async with opened_store(settings_of(), store) as there:
            return await _export(there, _shape(there, label), pattern, first_us, end_us, file, force=force)

    count = run(work())
    if output is Output.JSON:
        print_json(
            {"file": str(file), "class": label, "from": to_iso(first_us), "to": to_iso(end_us), "rows": count,
             "bytes": file.stat().st_size}
        )  # fmt: skip
    else:
        out().print(Text(f"{count:,} rows of {label}", style="bold") + Text(f" in {file}"))


async def _export(
    store: Store, shape: Shape, pattern: SeriesPattern, first_us: int, end_us: int, file: Path, *, force: bool
) -> int:
    import pyarrow.compute as pc

    from ironstream.query.export import export as write

    with _progress() as bar:
        # rows come in order of their time: how far it is tells how much is done
        task = bar.add_task(f"{shape.label} from {to_iso(first_us)}", total=end_us - first_us, rows=0)
        rows = 0

        def told(table: pa.Table) -> None:
            nonlocal rows
            rows += len(table)
            bar.update(task, completed=pc.cast(table[shape.time], "int64")[-1].as_py() - first_us, rows=rows)

        async with aclosing(store.rows(shape, pattern, first_us, end_us)) as tables:
            return await write(tables, shape, file, told, force=force)


def _shape(store: Store, label: str) -> Shape:
    from ironstream.query.shapes import shape_of

    there = f"{store.where} has {', '.join(sorted(store.labels))}."
    try:
        shape = shape_of(label)
    except ValueError:
        raise ConfigurationError(f"{label!r} is no class of data.", there) from None
    if label not in store.labels:
        raise ConfigurationError(f"There are no {label} in the store.", there)
    return shape


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]:,} rows"),
        TimeRemainingColumn(),
        console=err(),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
