"""Watches a canary, in the worker that owns partition 0 of telemetry.raw, and takes it back when it does harm."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from mode import Service

from agents.canary_logs import CanaryLogs
from agents.live_topology import compiled_version
from agents.telemetry import murmur_partition
from ironstream.contract import Topic, asset_key
from ironstream.engine.app import App
from ironstream.engine.control import TopologyChange
from ironstream.errors import BrokerError, ConfigurationError
from ironstream.rollout.audit import audited_change, audited_pass
from ironstream.rollout.beside import parent_of
from ironstream.rollout.log import TopologyLog
from ironstream.rollout.operations import OvertakenError
from ironstream.rollout.watch.judge import judge
from ironstream.settings import Settings
from ironstream.topology.canary import CompiledCanary

log = structlog.get_logger(__name__)
AUTHOR: Final = "canary watch"
_LOOK_S: Final = 1.0
_ROUND_S: Final = 3.0
_STOP_S: Final = 0.2
_LATEST_S: Final = 600.0
"""So long after its end a watch may still be judged, by whoever takes it over."""


class CanaryWatch(Service):
    """A child of the worker's app. Without a canary nothing is read. All that it knows is in the logs: whoever owns
    the partition next comes to the same.
    """

    def __init__(self, app: App, settings: Settings, **more: Any) -> None:
        self._app = app
        self._settings = settings
        self._place = TopicPartition(settings.topic(Topic.TELEMETRY_RAW), 0)
        self._done = 0
        super().__init__(**more)

    @Service.task
    async def _watch(self) -> None:
        while not self.should_stop:
            await self.sleep(_LOOK_S)
            change = self._app.ownership.topology
            if change is None or change.number == self._done or not self._owns:
                continue
            canary = await asyncio.to_thread(compiled_version, change.version, change.packed)
            if not isinstance(canary, CompiledCanary) or await self._finish(change, canary):
                self._done = change.number

    @property
    def _owns(self) -> bool:
        return self._place in self._app.ownership.partitions

    async def _finish(self, change: TopologyChange, canary: CompiledCanary) -> bool:
        """Watch until there is nothing more to watch; False when it has to be begun again, here or elsewhere."""
        stop = threading.Event()
        watch = _Watch(self._settings, canary, change.number, stop)
        # a loop of its own: what is read and counted holds up no reading
        work = asyncio.ensure_future(asyncio.to_thread(asyncio.run, watch.run()))
        try:
            while not work.done():
                await asyncio.wait((work,), timeout=_LOOK_S)
                if self.should_stop or not self._owns:
                    stop.set()
            await work
        except (KafkaError, BrokerError, OSError) as error:
            log.warning("the canary cannot be watched, it is tried again", error=str(error))
            return False
        except ConfigurationError as error:
            log.error("the canary cannot be watched", error=str(error))
        finally:
            stop.set()
        return self._owns and not self.should_stop


class _Watch:
    """One canary, from its change to the end of its watch."""

    def __init__(self, settings: Settings, canary: CompiledCanary, number: int, stop: threading.Event) -> None:
        self._settings = settings
        self._canary = canary
        self._number = number
        self._stop = stop
        self._limits = canary.parent.topology.deployment.canary

    async def run(self) -> None:
        """Return when the canary was taken back, has passed, is no more what holds, or is another's to watch."""
        work = asyncio.ensure_future(self._run())
        while not work.done():
            await asyncio.wait((work,), timeout=_STOP_S)
            if self._stop.is_set():
                # whatever it waits for: a broker that is away must not hold up the end of a worker
                work.cancel()
        with suppress(asyncio.CancelledError):
            await work

    async def _run(self) -> None:
        async with TopologyLog(self._settings) as topologies:
            change = topologies.history.current
            if change is None or change.number != self._number:
                return
            now_ms = round(time.time() * 1000)
            # whoever applied it may have a clock that is ahead
            changed_ms = min(_ms(change.time, now_ms), now_ms)
            until_ms = changed_ms + round((self._limits.watch_s + _LATEST_S) * 1000)
            partitions = concerned_partitions(self._canary, self._settings.partitions)
            if not partitions or now_ms > until_ms:
                why = "its time is over" if partitions else "its gateway delivers no asset that is known"
                log.warning("the canary is not watched", change=self._number, why=why)
                return
            logs = CanaryLogs(self._settings, self._canary, self._number, changed_ms, partitions)
            log.info("the canary is watched", change=self._number, gateway=self._canary.part.gateway)
            async with logs:
                await self._judge(topologies, logs, changed_ms, until_ms)

    async def _judge(self, topologies: TopologyLog, logs: CanaryLogs, changed_ms: int, until_ms: int) -> None:
        lag_ms = round(self._limits.max_lag_s * 1000)
        was_late = not await logs.are_done(changed_ms - lag_ms)
        # who takes over from a worker that died finds its partitions waiting, which is no fault of the canary
        patient_until = time.monotonic() + self._limits.max_lag_s
        while True:
            # first, for then the dead letters of all that it is judged by have been written
            done = logs.is_over and await logs.are_done(logs.end_ms)
            is_over = await logs.catch_up(_ROUND_S) and done
            is_patient = is_over or time.monotonic() < patient_until
            is_late = not is_patient and not await logs.are_done(logs.clock_ms - lag_ms)
            before, since = logs.health()
            reasons = judge(
                replace(before, is_late=was_late), replace(since, is_late=is_late), self._limits, is_over=is_over
            )
            await topologies.poll(0)
            holding = topologies.history.current
            if holding is None or holding.number != self._number:
                return
            if reasons:
                await self._take_back(topologies, reasons)
                return
            if is_over:
                said = (
                    f"{since.readings} readings, {sum(since.refused.values())} refused, {sum(since.bad.values())} BAD; "
                    f"{len(since.silent)} of {since.series} series silent"
                )
                await audited_pass(self._settings, topologies, holding, AUTHOR, said)
                log.info("the canary is healthy", change=self._number, gateway=self._canary.part.gateway, seen=said)
                return
            if time.time() * 1000 > until_ms:
                log.warning("the canary could not be watched to its end", change=self._number)
                return
            await asyncio.sleep(_LOOK_S)

    async def _take_back(self, topologies: TopologyLog, reasons: Sequence[str]) -> None:
        version = topologies.history.version
        assert version is not None
        parent = parent_of(topologies.history, version).number
        reason = "; ".join(reasons)
        with suppress(OvertakenError):
            await audited_change(self._settings, topologies, parent, "rollback", AUTHOR, reason, self._number)
            log.error("the canary was taken back", change=self._number, version=version.number, reason=reason)


def _ms(text: str, otherwise: int) -> int:
    """A time as it is written in the log, in ms since the epoch."""
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError:
        return otherwise


def concerned_partitions(canary: CompiledCanary, partitions: int) -> list[int]:
    """The partitions that have assets of the canary: all where nobody can tell which assets these are."""
    if canary.part.has_unnamed:
        return list(range(partitions))
    return sorted({murmur_partition(asset_key(*key), partitions) for key in canary.part.own})
