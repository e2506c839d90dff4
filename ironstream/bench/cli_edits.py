"""`ironstream bench edits`: a topology that is edited under load."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from ironstream.bench.edits import EditsResult, measure_edits
from ironstream.bench.edits_plan import ROUNDS_MAX
from ironstream.bench.shown import Bootstrap, measuring, show
from ironstream.commands.options import OutputOption
from ironstream.commands.output import Output, run, table


def edits(
    rate: Annotated[int, typer.Option(min=100, help="Readings a second.")] = 50_000,
    each: Annotated[int, typer.Option(min=1, max=ROUNDS_MAX, help="Edits of each kind.")] = ROUNDS_MAX,
    workers: Annotated[int, typer.Option(min=1, max=12, help="Worker processes.")] = 1,
    series: Annotated[int, typer.Option(min=10, help="Series that the readings belong to.")] = 1000,
    bootstrap: Bootstrap = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Edit the topology in every way while readings flow, and hold each reading to the version before it in its log.

    Limits, alarms, windows, assets, machine types, tenants, sites, a gateway's pipeline, and rollbacks. No process may
    end, no reading may be missing in the ledger, and none may be judged by another version: else exit code 1.

    Examples:

      ironstream bench edits

      ironstream bench edits --rate 2000 --each 1
    """
    with measuring() as report:
        result: EditsResult = run(
            measure_edits(rate=rate, rounds=each, workers=workers, series=series, bootstrap=bootstrap, report=report)
        )
    show(output, result, [edits_table(result)])


def edits_table(result: EditsResult) -> Table:
    """How long edits took, by kind."""
    rows = [
        (
            one.name, f"{one.edits:,}", f"{one.held_p50_s:.2f}", f"{one.held_max_s:.2f}",
            f"{one.switched_p50_s:.2f}", f"{one.switched_max_s:.2f}",
        )
        for one in result.kinds
    ]  # fmt: skip
    title = (
        f"edits: {result.changes:,} changes in {result.seconds:,.0f} s at {result.rate:,.0f} readings/s, "
        f"{result.workers} worker{'s' * (result.workers != 1)}; {result.readings:,} readings, each judged by the "
        f"version before it, {result.refused:,} refused by an edited limit; none missing, no process restarted"
    )
    columns = ("edit", "edits", "holds: s, median", "at most", "in every log: s, median", "at most")
    return table(title, columns, rows)
