"""Results as a table for people."""

from __future__ import annotations

from rich.table import Table

from benchmarks.compare.figures import Spread
from benchmarks.compare.results import Results
from ironstream.commands.output import table


def results_table(results: Results) -> Table:
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


def _spread(spread: Spread) -> str:
    middle, low, high = map(_number, (spread.median, spread.low, spread.high))
    return middle if low == high else f"{middle} ({low} – {high})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
