"""Results as tables for people."""

from __future__ import annotations

from rich.table import Table

from ironstream.bench.latency import LatencyResults
from ironstream.bench.measure import Machine
from ironstream.bench.pipeline import PipelineResult
from ironstream.bench.profile import MAIN_STEPS, THREAD_STEPS, Split
from ironstream.bench.restart import RestartResults
from ironstream.commands.output import table

_STEPS = {
    "fetch": "fetch: read from Kafka (own thread, CPU)",
    "unpack": "fetch: parse record batches",
    "decode": "decode: JSON to columns, names, times",
    "stages": "stages: quality, windows, conditions",
    "encode": "encode: clean readings, aggregates",
    "produce": "produce: fill, seal and hand over batches",
    "free": "free: give back the chunk's objects",
    "commit": "commit: rows, marker",
    "store": "commit: write RocksDB (own thread, CPU)",
    "other": "other: event loop, sockets, Faust, waiting",
}


def machine_line(machine: Machine) -> str:
    """Where the figures come from, in a line."""
    commit = f" ({machine.commit})" if machine.commit else ""
    kafka = f"Kafka {machine.kafka}, " if machine.kafka else ""
    return (
        f"{machine.cpus} CPUs, {machine.memory_mib / 1024:.0f} GiB, {machine.system}, Python {machine.python}, "
        f"{kafka}ironstream {machine.ironstream}{commit}; load average before: {machine.load_average}"
    )


def pipeline_tables(result: PipelineResult) -> list[Table]:
    """Figures, the baseline's beside them, and where the time went."""
    base = result.baseline
    windows = ", ".join(f"{count:,} of {size} s" for size, count in result.counts.windows.items() if count)
    peaks = ", ".join(f"{peak:.0f}" for peak in result.worker_peak_mib)
    rows = [
        ("readings", f"{result.readings:,}", f"{base.readings:,}" if base else ""),
        ("seconds, first clean reading to last", number(result.seconds), number(base.seconds) if base else ""),
        ("readings/s", f"{result.readings_per_s:,.0f}", f"{base.readings_per_s:,.0f}" if base else ""),
        ("times the baseline", number(result.ratio), "1" if base else ""),
        (
            "CPU s per million readings, workers",
            number(result.worker_cpu_s_per_million),
            number(base.worker_cpu_s_per_million) if base else "",
        ),
        ("CPU s per million readings, broker", number(result.broker_cpu_s_per_million), ""),
        ("peak memory of each worker, MiB", peaks, f"{base.worker_peak_mib:.0f}" if base else ""),
        ("aggregates made", windows, ""),
        ("alarm transitions", f"{result.counts.alarm_transitions:,}", ""),
    ]
    title = (
        f"pipeline: {result.series:,} series at {result.hz:g} Hz, {result.bytes_per_reading} bytes a reading, "
        f"{result.workers} worker{'s' if result.workers > 1 else ''}"
    )
    columns = ["", "ironstream"] + (["plain Faust, checks only"] if base else [])
    tables = [table(title, columns, [row[: len(columns)] for row in rows])]
    if result.split is not None:
        tables.append(split_table(result.split))
    return tables


def split_table(split: Split) -> Table:
    """Where the workers' time went."""
    rows = [
        (_STEPS[step], f"{split.seconds[step]:.2f}", f"{split.share(step):.1%}") for step in (*MAIN_STEPS, "other")
    ] + [(_STEPS[step], f"{split.seconds[step]:.2f}", f"+ {split.share(step):.1%}") for step in THREAD_STEPS]
    rows.append(("CPU time of the main threads", f"{split.main_thread_cpu_s:.2f}", ""))
    title = f"where the time of the workers' main threads went ({split.records_per_chunk:,.0f} readings a chunk)"
    return table(title, ("", "s", "share"), rows)


def latency_table(results: LatencyResults) -> Table:
    """Percentiles by rate."""
    return table(
        f"latency from device time to a consumer of telemetry.clean, ms ({results.series:,} series)",
        ("readings/s", "sent/s", "looked at", "p50", "p95", "p99", "max", "sender late by at most"),
        [
            (
                f"{one.rate:,}",
                f"{one.sent_per_s:,.0f}",
                f"{one.readings:,}",
                *map(number, (one.p50_ms, one.p95_ms, one.p99_ms, one.max_ms, one.sender_late_ms)),
            )
            for one in results.results
        ],
    )


def restart_table(results: RestartResults) -> Table:
    """Both starts."""
    return table(
        f"restart with the state of {results.series:,} series ({results.working_mib:.0f} MiB at most to make it)",
        ("", "ready after process start, s", "of that restoring, s", "changelog rows read", "rows/s", "memory, MiB"),
        [
            (
                "with local copy" if one.local_copy else "without local copy",
                number(one.from_start_s),
                number(one.from_assignment_s),
                one.changelog_rows,
                "" if one.rows_per_s is None else f"{one.rows_per_s:,.0f}",
                f"{one.memory_mib:.0f}",
            )
            for one in results.results
        ],
    )


def number(value: float | None) -> str:
    """Three digits, or all of a large number; nothing for None."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
