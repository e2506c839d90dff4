"""How fast sinks write, beside the bare tool on the same rows: through the flow as a process has it, without Kafka."""

from __future__ import annotations

from dataclasses import dataclass

from ironstream.bench.measure import Machine, machine
from ironstream.bench.pipeline import Report
from ironstream.bench.sink_flow import SinkRate
from ironstream.bench.sink_parquet import measure_parquet
from ironstream.bench.sink_postgres import measure_postgres


@dataclass(frozen=True, slots=True)
class SinksResult:
    """All sinks that were measured."""

    rates: list[SinkRate]
    machine: Machine


async def measure_sinks(*, rows: int, rounds: int, report: Report) -> SinksResult:
    """Measure every sink that has a bare tool. Raises BenchError where rows are missing in the end."""
    rates = [
        await measure_postgres(rows=rows, rounds=rounds, report=lambda done: report("postgres", done, rounds)),
        await measure_parquet(rows=rows, rounds=rounds, report=lambda done: report("s3-parquet", done, rounds)),
    ]
    return SinksResult(rates, machine(own_kafka=None))
