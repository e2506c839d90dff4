"""Results of `limits`, `burst`, `scaling`, `acquisition` and `sinks` as tables for people."""

from __future__ import annotations

from rich.table import Table

from ironstream.bench.acquisition import AcquisitionResults
from ironstream.bench.burst import BurstResult
from ironstream.bench.limits import LimitsResult
from ironstream.bench.report import number
from ironstream.bench.scaling import ScalingResult
from ironstream.bench.sinks import SinksResult
from ironstream.commands.output import table

_PARTS = {
    "consume": "consume: aiokafka getmany",
    "decode": "decode: msgspec, JSON to the contract's reading",
    "encode": "encode: msgspec, the reading to JSON",
    "produce": "produce: aiokafka record batches",
    "chained": "chained: consume, decode, encode, produce",
}


def limits_table(result: LimitsResult) -> Table:
    """The parts, and the pipeline below them."""
    rows = [
        (
            _PARTS[one.part],
            f"{one.readings_per_s:,.0f}",
            number(one.cpu_s_per_million),
            number(one.broker_cpu_s_per_million),
        )
        for one in result.limits
    ]
    if (pipeline := result.pipeline) is not None:
        rows.append(
            (
                f"the pipeline, 1 worker: {result.share:.0%} of chained",
                f"{pipeline.readings_per_s:,.0f}",
                number(pipeline.worker_cpu_s_per_million),
                number(pipeline.broker_cpu_s_per_million),
            )
        )
    title = f"limits: {result.readings:,} readings, {result.bytes_per_reading} bytes each, in one process"
    return table(title, ("", "readings/s", "CPU s per million", "broker's CPU s per million"), rows)


def burst_tables(result: BurstResult) -> list[Table]:
    """Ages by phase, then backlog and memory."""
    phases = [
        (
            one.name,
            f"{one.rate:,}",
            f"{one.sent_per_s:,.0f}",
            number(one.sender_late_ms),
            f"{one.readings:,}",
            *map(number, (one.p50_ms, one.p99_ms, one.max_ms)),
        )
        for one in result.phases
    ]
    backlog = result.backlog
    gone = "not while the sender sent: raise --after" if backlog.gone_s is None else number(backlog.gone_s)
    rows = [
        ("readings", f"{result.readings:,}"),
        ("backlog before the burst, readings at most", f"{backlog.usual:,}"),
        ("backlog from its start on, readings at most", f"{backlog.most:,}"),
        ("from its end until the backlog was as before, s", gone),
        ("memory of the worker before it, MiB at most", f"{result.memory_before_mib:.0f}"),
        ("memory of the worker in all, MiB at most", f"{result.memory_peak_mib:.0f}"),
    ]
    columns = ("made", "readings/s", "sent/s", "sender late by at most, ms", "looked at", "p50", "p99", "max")
    return [
        table(f"burst: age of clean readings, ms ({result.series:,} series)", columns, phases),
        table("", ("", "ironstream"), rows),
    ]


def scaling_table(result: ScalingResult) -> Table:
    """A line for each run."""
    rows = [
        (
            f"{one.setup.series:,}",
            one.setup.partitions,
            one.setup.workers,
            f"{one.readings:,}",
            f"{one.readings_per_s:,.0f}",
            number(one.worker_cpu_s_per_million),
            f"{one.cost:.2f}",
            number(one.broker_cpu_s_per_million),
            ", ".join(f"{peak:.0f}" for peak in one.worker_peak_mib),
        )
        for one in result.runs
    ]
    columns = (
        "series",
        "partitions",
        "workers",
        "readings",
        "readings/s",
        "CPU s per million, workers",
        "times the first",
        "CPU s per million, broker",
        "peak memory of each worker, MiB",
    )
    return table(f"scaling: the pipeline at {result.hz:g} Hz", columns, rows)


def acquisition_table(results: AcquisitionResults) -> Table:
    """Each scenario, the adapter and the bare library below one another."""
    return table(
        f"reading once a second, for {results.seconds:g} s",
        ("scenario", "", "wanted/s", "values/s", "cores", "CPU µs a value", "poll p50, ms", "p99", "missed", "MiB"),
        [
            (
                one.scenario,
                one.who,
                f"{one.wanted_per_s:,}",
                f"{one.values_per_s:,.0f}",
                number(one.cpu_s_per_s),
                number(one.cpu_us_per_value),
                number(one.p50_ms),
                number(one.p99_ms),
                number(one.missed),
                number(one.memory_mib),
            )
            for one in results.results
        ],
    )


def sinks_table(result: SinksResult) -> Table:
    """A row for each sink."""
    rows = [
        (
            one.sink,
            f"{one.rows_per_s:,.0f}",
            one.bare,
            f"{one.bare_rows_per_s:,.0f}",
            f"{one.share:.0%}",
            "–" if one.bytes is None else f"{one.bytes / one.rows:.1f}",
            "–" if one.bare_bytes is None else f"{one.bare_bytes / one.rows:.1f}",
        )
        for one in result.rates
    ]
    sizes = {f"{one.rows:,} rows, {len(one.rounds)} rounds in turns" for one in result.rates}
    columns = ("sink", "rows/s", "bare", "rows/s", "share", "bytes a row", "bare")
    return table(f"sinks: {', '.join(sizes)}; medians", columns, rows)
