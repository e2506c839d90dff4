"""From bursts to figures: medians over the rounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.compare.figures import Spread, spread
from ironstream.bench.burst import Backlog, PhaseResult


@dataclass(frozen=True, slots=True)
class Look:
    """At a moment (µs since the epoch): CPU that contender and broker have used so far, memory the contender holds."""

    at_us: int
    cpu_s: float
    broker_cpu_s: float
    mib: float


@dataclass(frozen=True, slots=True)
class Used:
    """CPU between two looks, the contender's and the broker's."""

    cpu_s: float
    broker_cpu_s: float


@dataclass(frozen=True, slots=True)
class BurstRun:
    """One burst through one contender. `readings`: how many were sent and came, without the warm-up.

    CPU is that of the contender's processes and of the broker from the first reading sent until the last one came;
    memory the most that all its processes together held, the warm-up too.
    """

    contender: str
    readings: int
    phases: list[PhaseResult]
    backlog: Backlog
    cpu_s: float
    broker_cpu_s: float
    peak_mib: float


@dataclass(frozen=True, slots=True)
class PhaseFigures:
    """Ages of the readings made in a phase, in ms, and what rate the sender reached."""

    name: str
    p50_ms: Spread
    p99_ms: Spread
    sent_per_s: Spread


@dataclass(frozen=True, slots=True)
class BurstFigures:
    """What a contender reached. `backlog`: readings at most, from the burst on.

    `gone_s`: from the end of the burst until the backlog was gone; None when it was not in any one of the rounds.
    """

    rounds: int
    phases: list[PhaseFigures]
    backlog: Spread
    gone_s: Spread | None
    peak_mib: Spread
    cpu_s_per_million: Spread
    broker_cpu_s_per_million: Spread


def used(looks: Sequence[Look], since_us: int) -> Used:
    """CPU from the last look before a moment, or the first of all, until the last. Raises ValueError without looks."""
    if not looks:
        raise ValueError("nobody looked")
    first = next((look for look in reversed(looks) if look.at_us <= since_us), looks[0])
    return Used(looks[-1].cpu_s - first.cpu_s, looks[-1].broker_cpu_s - first.broker_cpu_s)


def burst_figures(runs: Sequence[BurstRun]) -> BurstFigures:
    """Medians and ranges over the rounds, of which there is at least one, all with the same phases."""
    gone = [run.backlog.gone_s for run in runs if run.backlog.gone_s is not None]
    return BurstFigures(
        rounds=len(runs),
        phases=[_phase([run.phases[number] for run in runs]) for number in range(len(runs[0].phases))],
        backlog=_of(runs, lambda run: run.backlog.most),
        # a median of those that were done alone would flatter who sometimes is not
        gone_s=spread(gone) if len(gone) == len(runs) else None,
        peak_mib=_of(runs, lambda run: run.peak_mib),
        cpu_s_per_million=_of(runs, lambda run: run.cpu_s / run.readings * 1e6),
        broker_cpu_s_per_million=_of(runs, lambda run: run.broker_cpu_s / run.readings * 1e6),
    )


def _of(runs: Sequence[BurstRun], value: Callable[[BurstRun], float]) -> Spread:
    return spread([value(run) for run in runs])


def _phase(rounds: Sequence[PhaseResult]) -> PhaseFigures:
    return PhaseFigures(
        rounds[0].name,
        spread([one.p50_ms for one in rounds]),
        spread([one.p99_ms for one in rounds]),
        spread([one.sent_per_s for one in rounds]),
    )
