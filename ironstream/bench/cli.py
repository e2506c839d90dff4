"""`ironstream bench`: the commands."""

from __future__ import annotations

from typing import Annotated

import typer

from ironstream.bench import cli_edits, cli_io
from ironstream.bench.burst import BurstResult, measure_burst
from ironstream.bench.latency import WARM_UP_S, LatencyResults, measure_latency
from ironstream.bench.limits import LimitsResult, measure_limits
from ironstream.bench.pipeline import PipelineResult, Wire, measure_pipeline
from ironstream.bench.report import latency_table, pipeline_tables, restart_table
from ironstream.bench.report_load import burst_tables, limits_table, scaling_table
from ironstream.bench.restart import RestartResults, measure_restart
from ironstream.bench.scaling import ScalingResult, measure_scaling, setups
from ironstream.bench.shown import Bootstrap, measuring, show
from ironstream.commands.options import OutputOption
from ironstream.commands.output import Output, run
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


@app.command()
def pipeline(
    readings: Annotated[int, typer.Option(min=2, help="Readings to work through.")] = 1_000_000,
    series: Annotated[int, typer.Option(min=1, help="Series that they belong to.")] = 1000,
    hz: Annotated[
        float, typer.Option(min=0.001, max=1000, help="Readings of each series in a second of its time.")
    ] = 10,
    workers: Annotated[int, typer.Option(min=1, max=12, help="Worker processes.")] = 1,
    wire: Annotated[
        Wire, typer.Option(help="Wire of raw and clean readings; with avro there is no baseline.")
    ] = "json",
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
    with measuring() as report:
        result: PipelineResult = run(
            measure_pipeline(
                readings=readings,
                series=series,
                hz=hz,
                workers=workers,
                wire=wire,
                bootstrap=bootstrap,
                profile=profile,
                baseline_readings=min(baseline_readings, readings) if baseline and wire == "json" else 0,
                report=report,
            )
        )
    show(output, result, pipeline_tables(result), ratio=result.ratio)


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

      ironstream bench latency --rates 1000,10000,100000 --seconds 60
    """
    wanted = _numbers("--rates", rates)
    with measuring() as report:
        results: LatencyResults = run(
            measure_latency(rates=wanted, seconds=seconds, series=series, bootstrap=bootstrap, report=report)
        )
    show(output, results, [latency_table(results)])


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
    with measuring() as report:
        results: RestartResults = run(measure_restart(series=series, bootstrap=bootstrap, report=report))
    show(output, results, [restart_table(results)])


@app.command()
def limits(
    readings: Annotated[int, typer.Option(min=1, help="Readings to work through.")] = 1_000_000,
    series: Annotated[int, typer.Option(min=1, help="Series that they belong to.")] = 1000,
    hz: Annotated[
        float, typer.Option(min=0.001, max=1000, help="Readings of each series in a second of its time.")
    ] = 10,
    with_pipeline: Annotated[
        bool, typer.Option("--with-pipeline", help="Run `bench pipeline`, too, for one worker.")
    ] = False,
    bootstrap: Bootstrap = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """What bare consume, decode, encode and produce reach in one process, and all four chained.

    The readings are those of `bench pipeline`. No pipeline of these libraries can be faster than its parts.

    Examples:

      ironstream bench limits

      ironstream bench limits --with-pipeline --output json
    """
    with measuring() as report:
        result: LimitsResult = run(
            measure_limits(
                readings=readings,
                series=series,
                hz=hz,
                with_pipeline=with_pipeline,
                bootstrap=bootstrap,
                report=report,
            )
        )
    show(output, result, [limits_table(result)], share=result.share)


@app.command()
def burst(
    rate: Annotated[int, typer.Option(min=1, help="Readings a second before and after the burst.")] = 20_000,
    times: Annotated[float, typer.Option(min=1, help="How many times that the burst is.")] = 10,
    before: Annotated[float, typer.Option(min=1, help=f"Seconds before, after {WARM_UP_S:g} s to warm up.")] = 20,
    seconds: Annotated[float, typer.Option(min=0.1, help="Seconds of the burst.")] = 10,
    after: Annotated[float, typer.Option(min=1, help="Seconds after it.")] = 60,
    series: Annotated[int, typer.Option(min=1, help="Series that the readings belong to.")] = 1000,
    bootstrap: Bootstrap = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """How a worker takes a burst: the age of clean readings, the time until no backlog is left, its memory.

    Examples:

      ironstream bench burst

      ironstream bench burst --rate 5000 --times 4 --after 30
    """
    with measuring() as report:
        result: BurstResult = run(
            measure_burst(
                rate=rate,
                times=times,
                before_s=before,
                burst_s=seconds,
                after_s=after,
                series=series,
                bootstrap=bootstrap,
                report=report,
            )
        )
    show(output, result, burst_tables(result))


@app.command()
def scaling(
    series: Annotated[str, typer.Option(help="Numbers of series.")] = "1000,10000,100000",
    partitions: Annotated[str, typer.Option(help="Numbers of partitions.")] = "1,12,48",
    workers: Annotated[str, typer.Option(help="Numbers of worker processes.")] = "1,2,4",
    readings: Annotated[int, typer.Option(min=2, help="Readings, where there are 20 for each series.")] = 1_000_000,
    hz: Annotated[
        float, typer.Option(min=0.001, max=1000, help="Readings of each series in a second of its time.")
    ] = 10,
    bootstrap: Bootstrap = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """What a reading costs with more series, more partitions, more workers: `bench pipeline` for each.

    One of the three is changed at a time; the others are 1 000 series, 12 partitions and 1 worker.

    Examples:

      ironstream bench scaling

      ironstream bench scaling --series 1000,100000 --partitions 12 --workers 1
    """
    runs = setups(_numbers("--series", series), _numbers("--partitions", partitions), _numbers("--workers", workers))
    with measuring() as report:
        result: ScalingResult = run(
            measure_scaling(readings=readings, hz=hz, runs=runs, bootstrap=bootstrap, report=report)
        )
    show(output, result, [scaling_table(result)])


def _numbers(option: str, text: str) -> list[int]:
    numbers = [int(part) if part.strip().isdigit() else 0 for part in text.split(",")]
    if not all(numbers):
        raise ConfigurationError(
            f"{option} {text} is no list of numbers.", f"Write whole numbers, as in {option} 1000,10000."
        )
    return numbers


app.command()(cli_io.acquisition)
app.command()(cli_io.sinks)
app.command()(cli_edits.edits)
