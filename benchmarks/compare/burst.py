"""W3: how old clean readings are before, during and after a burst, when its backlog is gone, and what it takes."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from rich.table import Table

from benchmarks.compare.burst_figures import BurstFigures, BurstRun, Look, burst_figures, used
from benchmarks.compare.compare import Say
from benchmarks.compare.contenders import Contender
from benchmarks.compare.plant import SERIES, environment, topics
from benchmarks.compare.processes import cpu_seconds, rss_mib
from benchmarks.compare.report import burst_table
from benchmarks.compare.results import Results
from benchmarks.compare.session import Session, must_run
from benchmarks.compare.workload import Place
from ironstream.bench.ages import Ages, measure_ages
from ironstream.bench.burst import PHASES, backlog, summarize
from ironstream.bench.deployment import BenchError
from ironstream.bench.pacer import Order, Phase
from ironstream.bench.plant import Plant
from ironstream.commands.children import Child
from ironstream.contract import Topic
from ironstream.settings import Settings
from ironstream.topics import TopicSpec

_LOOK_EVERY_S: Final = 0.25


@dataclass(frozen=True)
class Burst:
    """`rate` readings/s for `warm_up_s`, which do not count; then for `before_s`; `times` that for `burst_s`; `rate`
    again for `after_s`."""

    rate: int = 20_000
    times: float = 10
    warm_up_s: float = 20
    before_s: float = 20
    burst_s: float = 10
    after_s: float = 60
    series: int = SERIES

    name = "w3"
    kind = Results[BurstRun, BurstFigures]

    @property
    def title(self) -> str:
        """The load is in it: figures of another load are no figures of this one."""
        return (
            f"W3: the whole pipeline, {self.rate:,} readings/s for {self.before_s:g} s, "
            f"{self.burst_rate:,} for {self.burst_s:g} s, {self.rate:,} for {self.after_s:g} s"
        )

    @property
    def plant(self) -> Plant:
        """Its limits let through what the burst makes; a gap is one at the steady rate."""
        return Plant(self.series, self.burst_rate / self.series, 0, slowest_hz=self.rate / self.series)

    @property
    def burst_rate(self) -> int:
        """Readings a second in the burst."""
        return int(self.rate * self.times)

    def order(self) -> Order:
        """What counts, as a new run of the adapters."""
        phases = Phase(self.rate, self.before_s), Phase(self.burst_rate, self.burst_s), Phase(self.rate, self.after_s)
        return Order(phases, self.series, f"bench-{secrets.token_hex(4)}")

    def warm_up(self) -> Order:
        """What does not count."""
        return Order((Phase(self.rate, self.warm_up_s),), self.series, f"bench-{secrets.token_hex(4)}")

    def topics(self, place: Place) -> list[TopicSpec]:
        """The product's topics."""
        return topics(place)

    def environment(self, place: Place) -> dict[str, str]:
        """Topics, the rules for the peers, the topology for ironstream."""
        return environment(self.plant, place)

    async def round(self, session: Session, contender: Contender, parallelism: int, say: Say) -> list[BurstRun]:
        """One burst. Raises BenchError when a clean reading is missing or too much, or a process ends."""
        run = await self._measure(session, contender, parallelism)
        ages = ", ".join(f"{one.name} {one.p50_ms:.0f}/{one.p99_ms:.0f}" for one in run.phases)
        gone = "not gone" if run.backlog.gone_s is None else f"gone after {run.backlog.gone_s:.1f} s"
        say(
            f"{run.contender}: {run.readings:,} readings, p50/p99 in ms {ages}, backlog {run.backlog.most:,}, {gone}, "
            f"{run.cpu_s:.1f} s CPU, broker {run.broker_cpu_s:.1f} s, {run.peak_mib:.0f} MiB"
        )
        return [run]

    async def _measure(self, session: Session, contender: Contender, parallelism: int) -> BurstRun:
        warm_up, order = self.warm_up(), self.order()
        async with session.place(contender, self, parallelism) as place:
            settings = place.settings
            async with session.started(contender, self, place) as children:
                uses = _Uses(children, session.broker_pid)
                try:
                    # until these are back, a contender may still start, join its group and compile
                    await measure_ages(settings, warm_up, place.folder, uses.look)
                    ages = await measure_ages(settings, order, place.folder, uses.look)
                except BenchError as err:
                    raise BenchError(
                        f"{contender.name}: {err.message}", f"It said last:\n{children[0].last_words()}"
                    ) from err
                uses.take()
            # what a contender still wrote while it stopped counts as well
            await _must_be_exact(contender.name, settings, warm_up.readings + order.readings)
        return self._run(contender.name, order, ages, uses.looks)

    def _run(self, contender: str, order: Order, ages: Ages, looks: Sequence[Look]) -> BurstRun:
        taken = used(looks, ages.sent[0].began_us)
        return BurstRun(
            contender=contender,
            readings=ages.readings,
            phases=[summarize(name, number, order, ages, 0.0) for number, name in enumerate(PHASES)],
            # the same for all: who is irregular before the burst must not be done sooner for it
            backlog=backlog(ages, 0.0, gone_at=self.rate),
            cpu_s=taken.cpu_s,
            broker_cpu_s=taken.broker_cpu_s,
            peak_mib=max(look.mib for look in looks),
        )

    def figures(self, runs: Sequence[BurstRun]) -> BurstFigures:
        """Medians over the rounds."""
        return burst_figures(runs)

    def table(self, results: Results[BurstRun, BurstFigures]) -> Table:
        """Contenders, the least p99 during the burst first."""
        return burst_table(results)


class _Uses:
    """CPU and memory of processes and broker, looked at four times a second; all of them must run."""

    def __init__(self, children: Sequence[Child], broker_pid: int) -> None:
        self._children = children
        self._pids = [child.pid or 0 for child in children]
        self._broker_pid = broker_pid
        self._looked_s = 0.0
        self.looks: list[Look] = []

    def look(self) -> None:
        """Look if it is time. Raises BenchError when a process has ended."""
        must_run(self._children)
        if time.monotonic() - self._looked_s > _LOOK_EVERY_S:
            self.take()

    def take(self) -> None:
        """Look now."""
        self._looked_s = time.monotonic()
        cpu_s, broker_cpu_s = cpu_seconds(self._pids), cpu_seconds([self._broker_pid])
        self.looks.append(Look(time.time_ns() // 1000, cpu_s, broker_cpu_s, rss_mib(self._pids)))


async def _must_be_exact(contender: str, settings: Settings, readings: int) -> None:
    """Raise BenchError unless so many clean readings were ever written, and no dead letter."""
    consumer = AIOKafkaConsumer(**settings.kafka_client_kwargs())
    await consumer.start()
    try:
        for topic, wanted in ((Topic.TELEMETRY_CLEAN, readings), (Topic.DLQ_TELEMETRY, 0)):
            places = [TopicPartition(settings.topic(topic), number) for number in range(settings.partitions)]
            found = sum((await consumer.end_offsets(places)).values())
            if found != wanted:
                raise BenchError(f"{contender}: {found:,} records in {topic} where {wanted:,} were expected")
    finally:
        await consumer.stop()
