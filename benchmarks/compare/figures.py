"""From runs to figures: what a record costs is the difference between a long and a short run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.compare.finite import Run


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and range over the rounds."""

    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Figures:
    """What a contender reached. `peak_mib` is that of the long runs, `start_s` what a run takes without its records."""

    rounds: int
    records_per_s: Spread
    cpu_s_per_million: Spread
    broker_cpu_s_per_million: Spread
    peak_mib: Spread
    start_s: Spread


def figures(short: Sequence[Run], long: Sequence[Run]) -> Figures:
    """Figures of one contender from its short and its long runs, those of a round at the same place.

    Start-up, JIT compilation and the wait for a last commit are in both runs of a round and cancel. Raises ValueError
    when the runs do not pair, or a long run was not longer than its short one, which only a disturbed machine makes.
    """
    rates, cpu, broker, start = [], [], [], []
    for few, many in zip(short, long, strict=True):
        records, seconds = many.records - few.records, many.wall_s - few.wall_s
        if records <= 0 or seconds <= 0:
            raise ValueError(f"{many.records:,} records in {many.wall_s:.2f} s, {few.records:,} in {few.wall_s:.2f} s")
        rates.append(records / seconds)
        cpu.append((many.cpu_s - few.cpu_s) / records * 1e6)
        broker.append((many.broker_cpu_s - few.broker_cpu_s) / records * 1e6)
        start.append(few.wall_s - few.records * seconds / records)
    peaks = [run.peak_mib for run in long]
    return Figures(len(rates), spread(rates), spread(cpu), spread(broker), spread(peaks), spread(start))


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value."""
    return Spread(median(values), min(values), max(values))
