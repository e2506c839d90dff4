"""Runs one pipeline: connect, read, publish, and come back after every failure of the device."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from random import Random
from typing import Any

from msgspec.structs import replace

from ironstream.contract import Quality, Topic
from ironstream.gateway.adapter import COMM_LOSS, Adapter, AdapterError, Fault, Point, Received, Sample
from ironstream.gateway.delivery import Delivery, Receipts
from ironstream.gateway.envelope import Envelope
from ironstream.gateway.fault_log import FaultLog
from ironstream.gateway.logs import AdapterLog
from ironstream.gateway.named import named
from ironstream.gateway.outgoing import Outgoing, Priority
from ironstream.gateway.pipeline import PipelineSpec
from ironstream.gateway.publisher import Publisher
from ironstream.gateway.report import Reporter
from ironstream.gateway.schedule import backoff_s, next_due_s
from ironstream.gateway.settings import GatewaySettings
from ironstream.gateway.stats import PipelineStats


class PipelineRunner:
    """One device, alone: whatever it does, nothing of it leaves `run` but its records.

    It is polled at `phase` (0 to 1) of each interval, so that devices of one process need not be polled all at once.
    """

    def __init__(
        self,
        pipeline: PipelineSpec,
        adapter: Adapter,
        publisher: Publisher,
        envelope: Envelope,
        stats: PipelineStats,
        log: AdapterLog,
        settings: GatewaySettings,
        phase: float = 0.0,
    ) -> None:
        self._pipeline = pipeline
        self._adapter = adapter
        self._publisher = publisher
        self._envelope = envelope
        self._stats = stats
        self._log = log
        self._settings = settings
        self._phase = phase
        self._receipts = Receipts(adapter.acknowledge)
        self._points: dict[str, Point] = {}
        self._reporters: dict[str, Reporter] = {}
        for point in adapter.points:
            if not point.is_event:
                self._know(point)
        self._random = Random()
        self._failures = 0
        self._known_faults: frozenset[str] = frozenset()
        self._fault_log = FaultLog(log)
        self._clock_offset_us: dict[str, int] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Read until `stop` is set; then what was received and held is put as well and the device is let go."""
        async with self._handing_back():
            try:
                while not stop.is_set():
                    await _unless(stop, self._connect_and_read(stop))
                    if not stop.is_set():
                        pause_s = backoff_s(
                            self._failures - 1,
                            self._random,
                            self._settings.backoff_initial_s,
                            self._settings.backoff_max_s,
                        )
                        await _unless(stop, asyncio.sleep(pause_s))
            finally:
                await self._finish()

    @asynccontextmanager
    async def _handing_back(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self._receipts.run(), name=f"receipts of {self._pipeline.id}")
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _finish(self) -> None:
        try:
            self._take(self._adapter.pending())
            for reporter in self._reporters.values():
                self._put(reporter.drain())
            # a device that keeps what is not acknowledged would tell it once more
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.flush_timeout_s):
                    await self._receipts.all_back()
        finally:
            await self._adapter.close()
            self._stats.connected = False
            self._fault_log.close()

    async def _connect_and_read(self, stop: asyncio.Event) -> None:
        """Read until the device fails. As the supervisor, it lets no failure of an adapter pass, not even a defect."""
        try:
            await self._adapter.connect()
            self._log.info("connected")
            await (self._poll(stop) if self._adapter.paced else self._listen(stop))
        except AdapterError as error:
            self._lost(error.kind, str(error))
        except Exception as error:
            self._lost("internal", f"{type(error).__name__}: {error}")
        await self._adapter.close()

    async def _poll(self, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        interval_s = self._pipeline.poll_interval_s
        # the first poll is at once, whatever the phase
        start_s = due_s = loop.time() - self._phase * interval_s
        while not stop.is_set():
            await self._publisher.wait_for_room()
            began_s = loop.time()
            received = await self._adapter.read()
            self._alive()
            self._take(received)
            self._stats.took(loop.time() - began_s)
            previous_s, due_s = due_s, next_due_s(start_s, interval_s, loop.time())
            self._stats.missed(round((due_s - previous_s) / interval_s) - 1)
            await asyncio.sleep(due_s - loop.time())

    async def _listen(self, stop: asyncio.Event) -> None:
        self._alive()
        while not stop.is_set():
            await self._publisher.wait_for_room()
            self._take(await self._adapter.read())

    def _alive(self) -> None:
        self._stats.connected, self._failures = True, 0

    def _take(self, received: Received) -> None:
        # nothing is awaited in here: what was received is put whole, whoever cancels the read
        if self._pipeline.asset_id is None:
            received = named(received)
        delivery = None if received.receipt is None else self._receipts.open(received.receipt)
        readings: list[Sample] = []
        for told in received.samples:
            sample, point = self._on_device_clock(told), told.point
            if (point.event or point.is_event) and (event := self._envelope.event(sample)) is not None:
                self._send(Topic.EVENTS_RAW, self._envelope.key(point), event, Priority.EVENT, delivery)
            if point.is_event:
                continue
            if sample.historical:
                readings.append(sample)
            else:
                readings += (self._reporters.get(point.key) or self._know(point)).step(sample)
        self._put(readings, delivery)
        self._note_faults(received.faults, received.samples)
        for alarm in received.alarms:
            record = self._envelope.alarm(alarm)
            self._send(Topic.ALARMS_RAW, self._envelope.key(alarm), record, Priority.ALARM, delivery)
        for refused in received.refused:
            key, headers = self._envelope.dead_letter(refused)
            self._send(Topic.DLQ_TELEMETRY, key, refused.payload, Priority.EVENT, delivery, headers)
        if delivery is not None:
            delivery.settle()

    def _know(self, point: Point) -> Reporter:
        """The reporter of a point that is seen for the first time."""
        reporter = self._reporters[point.key] = Reporter(point.report)
        self._points[point.key] = point
        return reporter

    def _put(self, samples: Sequence[Sample], delivery: Delivery | None = None) -> None:
        for sample in samples:
            key, reading = self._envelope.reading(sample)
            self._send(Topic.TELEMETRY_RAW, key, reading, self._pipeline.priority, delivery)
        self._stats.sent(len(samples), time.time_ns() // 1000)

    def _send(
        self,
        topic: str,
        key: bytes,
        record: bytes,
        priority: Priority,
        delivery: Delivery | None,
        headers: tuple[tuple[str, bytes], ...] = (),
    ) -> None:
        if delivery is not None:
            delivery.expect()
        self._publisher.put(Outgoing(topic, key, record, priority, delivery, headers))

    def _lost(self, kind: str, message: str) -> None:
        """Say once, for every series, that its device is gone: what looks fresh must not be stale."""
        self._stats.connected = False
        self._stats.failed(kind)
        if self._failures == 0:
            self._log.error("device_lost", error=message, kind=kind)
        self._failures += 1
        now_us = time.time_ns() // 1000
        for key, reporter in self._reporters.items():
            lost = Sample(self._points[key], None, now_us, None, Quality.BAD, COMM_LOSS)
            self._put(reporter.step(self._on_device_clock(lost)))

    def _on_device_clock(self, sample: Sample) -> Sample:
        """Give the loss of a device the time that its clock would show.

        With the gateway's time, a series of a device whose clock is slow would jump ahead, and all that the device says
        after its return would be late for its windows.
        """
        key = sample.point.key
        if sample.device_time_us is not None:
            if not sample.historical:
                self._clock_offset_us[key] = sample.device_time_us - sample.gateway_time_us
        elif sample.reason == COMM_LOSS and (offset_us := self._clock_offset_us.get(key)) is not None:
            return replace(sample, device_time_us=sample.gateway_time_us + offset_us)
        return sample

    def _note_faults(self, faults: Iterable[Fault], samples: Iterable[Sample]) -> None:
        faults = list(faults)
        if not faults and not self._known_faults:
            return
        said = set(self._known_faults)
        for fault in faults:
            self._stats.failed(fault.kind)
            # a unit that is dead for a day is one line in the log, not one per probe
            if fault.message not in said:
                said.add(fault.message)
                self._fault_log.tell(fault)
        # one read of a device that speaks by itself says nothing of its other parts
        lost = any(sample.reason == COMM_LOSS for sample in samples) or (
            not self._adapter.paced and any(reporter.lost for reporter in self._reporters.values())
        )
        if lost:
            self._known_faults |= {fault.message for fault in faults}
        else:
            self._fault_log.mended(self._known_faults)
            self._known_faults = frozenset()


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Do `work`, or abandon it when `stop` is set; readings are put whole after each read, so none is cut in two."""
    task = asyncio.ensure_future(work)
    stopped = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
