"""`bench latency`: how old a reading is when a consumer of telemetry.clean has it, at steady rates."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from ironstream.bench.ages import Ages, measure_ages, percentiles
from ironstream.bench.deployment import BenchError, deploy
from ironstream.bench.measure import Machine, machine
from ironstream.bench.pacer import Order, Phase
from ironstream.bench.plant import WINDOWS_S, Plant

WARM_UP_S: Final = 5.0

Report = Callable[[str, int, int | None], None]


@dataclass(frozen=True, slots=True)
class LatencyResult:
    """At one rate: ms from a reading's device time to its clean copy in a consumer's hands.

    `readings`: how many were looked at, every so many-th where the rate is high; `sent_per_s`: what the sender reached;
    `sender_late_ms`: how far it fell behind its rate at worst. Where that is much, the rate was not that rate.
    """

    rate: int
    readings: int
    seconds: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    sent_per_s: float
    sender_late_ms: float


@dataclass(frozen=True, slots=True)
class LatencyResults:
    """All rates, one after the other through the same worker."""

    machine: Machine
    series: int
    results: list[LatencyResult]


async def measure_latency(
    *,
    rates: Sequence[int],
    seconds: float,
    series: int = 1000,
    warm_up_s: float = WARM_UP_S,
    bootstrap: str | None = None,
    report: Report = lambda _what, _done, _total: None,
) -> LatencyResults:
    """Send `warm_up_s` + `seconds` at each rate; the warm-up does not count. Raises BenchError when a reading lacks."""
    facts = machine(own_kafka=bootstrap is None)
    plant = Plant(series, max(rates) / series, 0, slowest_hz=min(rates) / series)
    report("starting Kafka", 0, None)
    async with deploy(plant.topology(), WINDOWS_S, bootstrap) as deployment:
        await deployment.restored(deployment.worker())
        results = []
        for number, rate in enumerate(rates):
            report(f"{rate} readings/s", number, len(rates))
            order = Order((Phase(rate, warm_up_s + seconds),), series, f"bench-{secrets.token_hex(4)}")
            ages = await measure_ages(deployment.settings, order, deployment.folder, deployment.check_workers)
            results.append(summarize(rate, ages, warm_up_s))
    return LatencyResults(facts, series, results)


def summarize(rate: int, ages: Ages, warm_up_s: float) -> LatencyResult:
    """Percentiles of what was measured after the warm-up."""
    counted = ages.device_us >= ages.device_us.min() + int(warm_up_s * 1e6)
    if not counted.any():
        raise BenchError("No reading came after the warm-up.", "Measure for longer.")
    device_us = ages.device_us[counted]
    length_s = float(device_us.max() - device_us.min()) / 1e6
    found = percentiles(device_us, ages.received_us[counted])
    sent = ages.sent[0]
    return LatencyResult(
        rate=rate,
        readings=len(device_us),
        seconds=length_s,
        p50_ms=found.p50_ms,
        p95_ms=found.p95_ms,
        p99_ms=found.p99_ms,
        max_ms=found.max_ms,
        sent_per_s=sent.rate,
        sender_late_ms=sent.late_s * 1000,
    )
