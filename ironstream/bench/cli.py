"""`ironstream bench`: the commands."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from ironstream.bench.latency import WARM_UP_S, LatencyResults, measure_latency
from ironstream.bench.pipeline import PipelineResult, Report, measure_pipeline
from ironstream.bench.report import latency_table, machine_line, pipeline_tables, restart_table
from ironstream.bench.restart import RestartResults, measure_restart
from ironstream.commands.options import OutputOption
from ironstream.commands.output import Output, out, print_json, progress, run
from ironstream.errors import ConfigurationError

app = typer.Typer(
    name="bench",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Measure this machine: real workers on a real Kafka, in a folder that is gone afterwards. Nothing else should "
    "run meanwhile; measure three times and take the median. benchmarks/README.md says how to read the figures.",
)

Bootstrap = Annotated[
    str | None,
    typer.Option(
        "--bootstrap",
        "-b",
        metavar="HOST:PORT",
        help="Use this Kafka, with topics of its own that are deleted afterwards. Default: one is started for it.",
    ),
]


@app.command()
def pipeline(
    readings: Annotated[int, typer.Option(min=2, help="Readings to work through.")] = 1_000_000,
    series: Annotated[int, typer.Option(min=1, help="Series that they belong to.")] = 1000,
    hz: Annotated[
        float, typer.Option(min=0.001, max=1000, help="Readings of each series in a second of its time.")
    ] = 10,
    workers: Annotated[int, typer.Option(min=1, max=12, help="Worker processes.")] = 1,
    baseline: Annotated[bool, typer.Option(help="Measure an ordinary Faust agent on a sample as well.")] = True,
    baseline_readings: Annotated[int, typer.Option(min=2, help="Readings of that sample.")] = 30_000,
    profile: Annotated[bool, typer.Option(help="Measure where the workers' time goes.")] = True,
    bootstrap: Bootstrap = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """How fast a backlog of raw readings becomes clean readings, aggregates and alarms.

    The readings are in Kafka before a worker starts; start-up is not measured. Every check, four window sizes and an
    alarm condition are on for every series. A wrong count afterwards is an error.

    Examples:

      ironstream bench pipeline

      ironstream bench pipeline --readings 200000 --workers 2 --no-baseline --output json
    """
    with _shown() as report:
        result: PipelineResult = run(
            measure_pipeline(
                readings=readings,
                series=series,
                hz=hz,
                workers=workers,
                bootstrap=bootstrap,
                profile=profile,
                baseline_readings=min(baseline_readings, readings) if baseline else 0,
                report=report,
            )
        )
    if output is Output.JSON:
        print_json({"ratio": result.ratio, **_fields(result)})
        return
    for one in pipeline_tables(result):
        out().print(one, "")
    out().print(machine_line(result.machine))


@app.command()
def latency(
    rates: Annotated[str, typer.Option(help="Readings a second, one rate after the other.")] = "1000,10000",
    seconds: Annotated[float, typer.Option(min=1, help=f"Length of each, after {WARM_UP_S:g} s to warm up.")] = 20,
    series: Annotated[int, typer.Option(min=1, help="Series that the readings belong to.")] = 1000,
    bootstrap: Bootstrap = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """How old a reading is when a consumer of telemetry.clean has it, at steady rates.

    Examples:

      ironstream bench latency

      ironstream bench latency --rates 1000,10000,50000 --seconds 60
    """
    wanted = _rates(rates)
    with _shown() as report:
        results: LatencyResults = run(
            measure_latency(rates=wanted, seconds=seconds, series=series, bootstrap=bootstrap, report=report)
        )
    if output is Output.JSON:
        print_json(results)
        return
    out().print(latency_table(results), "")
    out().print(machine_line(results.machine))


@app.command()
def restart(
    series: Annotated[int, typer.Option(min=1, help="Series that have state.")] = 100_000,
    bootstrap: Bootstrap = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """How soon a worker is back: with its local copy, and with the changelog alone.

    Examples:

      ironstream bench restart

      ironstream bench restart --series 10000 --output json
    """
    with _shown() as report:
        results: RestartResults = run(measure_restart(series=series, bootstrap=bootstrap, report=report))
    if output is Output.JSON:
        print_json(results)
        return
    out().print(restart_table(results), "")
    out().print(machine_line(results.machine))


def _rates(text: str) -> list[int]:
    rates = [int(part) if part.strip().isdigit() else 0 for part in text.split(",")]
    if not all(rates):
        raise ConfigurationError(
            f"--rates {text} is no list of rates.", "Write whole numbers, as in --rates 1000,10000."
        )
    return rates


def _fields(result: PipelineResult) -> dict[str, Any]:
    return {name: getattr(result, name) for name in PipelineResult.__dataclass_fields__}


@contextmanager
def _shown() -> Iterator[Report]:
    """Progress on a terminal. aiokafka's warnings, of which new topics make some, would come between."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with progress() as bar:
        task = bar.add_task("", total=None)

        def report(what: str, done: int, total: int | None) -> None:
            bar.update(task, description=what, completed=done, total=total)

        yield report
