"""Looks at a topic and at processes while workers work."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ironstream.bench.deployment import BenchError, Deployment
from ironstream.bench.measure import cpu_seconds, rss_mib
from ironstream.commands.children import Child

_POLL_S: Final = 0.05
_STALLED_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Sample:
    """Records in the watched topic, and CPU seconds used so far, at a moment of the monotonic clock."""

    at_s: float
    records: int
    worker_cpu_s: float
    broker_cpu_s: float


class Watch:
    """Watches `topic` (name without prefix) and the processes of `workers`."""

    def __init__(self, deployment: Deployment, topic: str, workers: Sequence[Child]) -> None:
        self._deployment = deployment
        self._topic = topic
        self._workers = list(workers)
        self._peak_mib = [0.0] * len(self._workers)

    def peaks(self) -> list[float]:
        """Most memory that each worker was seen to hold, in MiB."""
        return list(self._peak_mib)

    async def run(self, total: int, report: Callable[[int], Any], warm_up: int = 0) -> tuple[Sample, Sample]:
        """Wait until the topic has `total` records; a sample near the first of them after `warm_up`, and the last.

        Raises BenchError when a worker ends, or no record comes for a minute.
        """
        latest = await self._sample()
        moved_s = latest.at_s
        start: Sample | None = None
        while latest.records < total:
            await asyncio.sleep(_POLL_S)
            now = await self._sample()
            if now.records > latest.records:
                moved_s = now.at_s
                report(now.records)
            elif now.at_s - moved_s > _STALLED_S:
                raise BenchError(
                    f"{self._topic}: nothing new for {_STALLED_S:.0f} s; {now.records:,} of {total:,} are there.",
                    f"{self._workers[0].name} said last:\n{self._workers[0].last_words()}",
                )
            if start is None and now.records > warm_up:
                # A run so short that one look sees most of it is measured from the look before: what came after is less
                # than the clock of CPU time, which goes in ticks of 10 ms, can tell.
                start = now if now.records <= total // 2 else latest
            latest = now
        return start or latest, latest

    async def _sample(self) -> Sample:
        self._deployment.check_workers()
        records = await self._deployment.count(self._topic)
        at_s = time.monotonic()
        pids = [worker.pid for worker in self._workers]
        self._peak_mib = [max(peak, rss_mib(pid)) for peak, pid in zip(self._peak_mib, pids, strict=True)]
        return Sample(at_s, records, sum(map(cpu_seconds, pids)), cpu_seconds(self._deployment.broker_pid))
