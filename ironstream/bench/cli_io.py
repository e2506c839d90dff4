"""`ironstream bench`: what comes in and what goes out, `acquisition` and `sinks`."""

from __future__ import annotations

from typing import Annotated

import typer

from ironstream.bench.acquisition import SCENARIOS, AcquisitionResults, measure_acquisition, scenario
from ironstream.bench.report_load import acquisition_table, sinks_table
from ironstream.bench.shown import Bootstrap, measuring, show
from ironstream.bench.sinks import measure_sinks
from ironstream.commands.options import OutputOption
from ironstream.commands.output import Output, run
from ironstream.errors import ConfigurationError


def acquisition(
    scenarios: Annotated[str, typer.Option(help="Which of them, in this order.")] = ",".join(SCENARIOS),
    seconds: Annotated[float, typer.Option(min=2, help="Length of each measurement.")] = 20,
    bootstrap: Bootstrap = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """What reading many tags once a second costs: an adapter process with Kafka behind it, beside the bare library.

    modbus-wide: 10 devices with 10 000 contiguous registers each; modbus-many: 500 devices with 30; opcua: 20 000 items
    of one server subscribed. The devices are simulated in a process of their own, as cheap as they can be.

    Examples:

      ironstream bench acquisition

      ironstream bench acquisition --scenarios modbus-wide --seconds 60
    """
    names = [name.strip() for name in scenarios.split(",")]
    if unknown := [name for name in names if name not in SCENARIOS]:
        raise ConfigurationError(f"There is no scenario {', '.join(unknown)}.", f"There are: {', '.join(SCENARIOS)}.")
    with measuring() as report:
        results: AcquisitionResults = run(
            measure_acquisition(
                scenarios=[scenario(name) for name in names], seconds=seconds, bootstrap=bootstrap, report=report
            )
        )
    show(output, results, [acquisition_table(results)])


def sinks(
    rows: Annotated[int, typer.Option(min=1000, help="Clean readings of a round.")] = 400_000,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of each, in turns.")] = 5,
    output: OutputOption = Output.TABLE,
) -> None:
    """How fast sinks write clean readings, from JSON to durable, beside the bare tool on the same rows.

    postgres: beside `psql \\copy` of CSV into the same table with the same key. s3-parquet: beside pyarrow's own
    reading of the JSON and writing of one file.

    Examples:

      ironstream bench sinks

      ironstream bench sinks --rows 200000 --rounds 9
    """
    with measuring() as report:
        result = run(measure_sinks(rows=rows, rounds=rounds, report=report))
    show(output, result, [sinks_table(result)], **{one.sink: one.share for one in result.rates})
