"""`bench burst`: how old clean readings are before, during and after a burst, and when its backlog is gone."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from ironstream.bench.ages import Ages, measure_ages, percentiles
from ironstream.bench.deployment import BenchError, Deployment, deploy
from ironstream.bench.latency import WARM_UP_S, Report
from ironstream.bench.measure import Machine, machine, rss_mib
from ironstream.bench.pacer import Order, Phase
from ironstream.bench.plant import WINDOWS_S, Plant

PHASES: Final = ("before", "during", "after")


@dataclass(frozen=True, slots=True)
class PhaseResult:
    """Readings made in one phase. `sent_per_s`: what the sender reached of `rate`; ages in ms.

    `readings`: how many were looked at, every so many-th where the burst is fast.
    """

    name: str
    rate: int
    sent_per_s: float
    sender_late_ms: float
    readings: int
    p50_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True, slots=True)
class Backlog:
    """Readings that were made and not yet received. `usual`: at most, before the burst; `most`: from there on.

    `gone_s`: seconds from the end of the burst until it was gone, that is no more than usual or than what was asked
    for; None when it was not while the sender still sent.
    """

    usual: int
    most: int
    gone_s: float | None


@dataclass(frozen=True, slots=True)
class BurstResult:
    """One burst. Memory is the most that looks saw the worker hold: until the burst began, and in all."""

    machine: Machine
    series: int
    readings: int
    phases: list[PhaseResult]
    backlog: Backlog
    memory_before_mib: float
    memory_peak_mib: float


async def measure_burst(
    *,
    rate: int,
    times: float,
    before_s: float,
    burst_s: float,
    after_s: float,
    series: int = 1000,
    warm_up_s: float = WARM_UP_S,
    bootstrap: str | None = None,
    report: Report = lambda _what, _done, _total: None,
) -> BurstResult:
    """`rate` for `warm_up_s` (which does not count) + `before_s`, `times` that for `burst_s`, `rate` for `after_s`.

    Raises BenchError when a reading lacks or comes twice.
    """
    facts = machine(own_kafka=bootstrap is None)
    burst_rate = int(rate * times)
    phases = (Phase(rate, warm_up_s + before_s), Phase(burst_rate, burst_s), Phase(rate, after_s))
    order = Order(phases, series, f"bench-{secrets.token_hex(4)}")
    plant = Plant(series, burst_rate / series, 0, slowest_hz=rate / series)
    report("starting Kafka", 0, None)
    async with deploy(plant.topology(), WINDOWS_S, bootstrap) as deployment:
        worker = deployment.worker()
        await deployment.restored(worker)
        report("sending", 0, None)
        memory: list[tuple[int, float]] = []
        look = _look(memory, deployment, worker.pid)
        ages = await measure_ages(deployment.settings, order, deployment.folder, look)
        deployment.end_workers()
    began_us = ages.sent[1].began_us
    before = [mib for at_us, mib in memory if at_us < began_us] or [memory[0][1]]
    return BurstResult(
        machine=facts,
        series=series,
        readings=ages.readings,
        phases=[summarize(name, number, order, ages, warm_up_s) for number, name in enumerate(PHASES)],
        backlog=backlog(ages, warm_up_s),
        memory_before_mib=max(before),
        memory_peak_mib=max(mib for _, mib in memory),
    )


def _look(memory: list[tuple[int, float]], deployment: Deployment, pid: int | None) -> Callable[[], None]:
    """Writes down, at most ten times a second, how much memory a process holds; all processes must run."""

    def look() -> None:
        deployment.check_workers()
        now_us = time.time_ns() // 1000
        if not memory or now_us - memory[-1][0] > 100_000:
            memory.append((now_us, rss_mib(pid)))

    return look


def summarize(name: str, number: int, order: Order, ages: Ages, warm_up_s: float) -> PhaseResult:
    """Ages of the readings that were made in a phase; the warm-up is cut off the first."""
    sent = ages.sent[number]
    start_us = sent.began_us + (int(warm_up_s * 1e6) if number == 0 else 0)
    end_us = ages.sent[number + 1].began_us if number + 1 < len(ages.sent) else np.iinfo(np.int64).max
    within = (ages.device_us >= start_us) & (ages.device_us < end_us)
    if not within.any():
        raise BenchError(f"No reading of the time {name} the burst was looked at.", "Let each phase last longer.")
    found = percentiles(ages.device_us[within], ages.received_us[within])
    return PhaseResult(
        name=name,
        rate=order.phases[number].rate,
        sent_per_s=sent.rate,
        sender_late_ms=sent.late_s * 1000,
        readings=int(within.sum()),
        p50_ms=found.p50_ms,
        p99_ms=found.p99_ms,
        max_ms=found.max_ms,
    )


def backlog(ages: Ages, warm_up_s: float, gone_at: int | None = None) -> Backlog:
    """The backlog at each moment that readings were received at, just before they were.

    It is gone when no more than `gone_at` readings are left, or, without that, no more than before the burst. Raises
    BenchError when nothing was received between the warm-up and the burst.
    """
    made = np.sort(ages.device_us)
    received = np.sort(ages.received_us)
    moments = np.unique(received)
    # at a moment: made until then, less what was received before it
    behind = np.searchsorted(made, moments, "right") - np.searchsorted(received, moments, "left")
    burst = ages.sent[1]
    first = burst.began_us - (ages.sent[0].ended_us - ages.sent[0].began_us) + int(warm_up_s * 1e6)
    quiet = behind[(moments >= first) & (moments < burst.began_us)]
    if not len(quiet):
        raise BenchError("Nothing was received between the warm-up and the burst.", "Let it last longer before it.")
    usual = int(quiet.max())
    ended = (moments >= burst.ended_us) & (moments <= ages.sent[-1].ended_us)
    enough = usual if gone_at is None else gone_at // ages.stride
    back = np.flatnonzero(ended & (behind <= enough))
    return Backlog(
        usual=usual * ages.stride,
        most=int(behind[moments >= burst.began_us].max(initial=0)) * ages.stride,
        gone_s=float(moments[back[0]] - burst.ended_us) / 1e6 if len(back) else None,
    )
