"""Results as a table for people."""

from __future__ import annotations

from rich.table import Table

from benchmarks.compare.burst_figures import BurstFigures, BurstRun
from benchmarks.compare.figures import Figures, Spread
from benchmarks.compare.finite import Run
from benchmarks.compare.results import Results
from ironstream.commands.output import table


def throughput_table(results: Results[Run, Figures]) -> Table:
    """Contenders, the fastest first: medians, ranges in brackets."""
    done = [result for result in results.contenders.values() if result.figures is not None]
    rows = []
    for result in sorted(done, key=lambda one: -one.figures.records_per_s.median if one.figures else 0.0):
        found = result.figures
        assert found is not None
        rows.append(
            (
                result.title,
                _spread(found.records_per_s),
                _spread(found.cpu_s_per_million),
                _spread(found.broker_cpu_s_per_million),
                _spread(found.peak_mib),
                _spread(found.start_s),
                str(found.rounds),
            )
        )
    return table(
        results.title,
        ("", "records/s", "CPU s per million", "broker's CPU s per million", "peak MiB", "start s", "rounds"),
        rows,
    )


def burst_table(results: Results[BurstRun, BurstFigures]) -> Table:
    """Contenders, the least p99 of the readings made during the burst first: medians, ranges in brackets."""
    done = [(one.title, one.figures) for one in results.contenders.values() if one.figures is not None]
    rows = []
    for title, found in sorted(done, key=lambda one: one[1].phases[1].p99_ms.median):
        ages = [text for phase in found.phases for text in (_spread(phase.p50_ms), _spread(phase.p99_ms))]
        rows.append(
            (
                title,
                *ages,
                _spread(found.phases[1].sent_per_s),
                _spread(found.backlog),
                "not while sent to" if found.gone_s is None else _spread(found.gone_s),
                _spread(found.peak_mib),
                _spread(found.cpu_s_per_million),
                _spread(found.broker_cpu_s_per_million),
                str(found.rounds),
            )
        )
    columns = (
        "",
        "before, p50 ms",
        "p99",
        "during, p50 ms",
        "p99",
        "after, p50 ms",
        "p99",
        "burst sent/s",
        "backlog",
        "gone after s",
        "peak MiB",
        "CPU s per million",
        "broker's CPU s per million",
        "rounds",
    )
    return table(results.title, columns, rows)


def _spread(spread: Spread) -> str:
    middle, low, high = map(_number, (spread.median, spread.low, spread.high))
    return middle if low == high else f"{middle} ({low} – {high})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
