"""Runs one pipeline: connect, poll on a grid, publish, and come back after every failure of the device."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import Any

import msgspec

from ironstream.contract import Quality, Topic
from ironstream.gateway.adapter import COMM_LOSS, Adapter, AdapterError, Sample
from ironstream.gateway.envelope import Envelope
from ironstream.gateway.logs import AdapterLog
from ironstream.gateway.pipeline import PipelineSpec
from ironstream.gateway.publisher import Outgoing, Publisher
from ironstream.gateway.report import Reporter
from ironstream.gateway.schedule import backoff_s, next_due_s
from ironstream.gateway.settings import GatewaySettings
from ironstream.gateway.stats import PipelineStats

_ENCODER = msgspec.json.Encoder()


class PipelineRunner:
    """One device, alone: whatever it does, nothing of it leaves `run` but its records."""

    def __init__(
        self,
        pipeline: PipelineSpec,
        adapter: Adapter,
        publisher: Publisher,
        envelope: Envelope,
        stats: PipelineStats,
        log: AdapterLog,
        settings: GatewaySettings,
    ) -> None:
        self._pipeline = pipeline
        self._adapter = adapter
        self._publisher = publisher
        self._envelope = envelope
        self._stats = stats
        self._log = log
        self._settings = settings
        self._points = {point.key: point for point in adapter.points}
        self._reporters = {p.key: Reporter(p.report) for p in adapter.points if not p.is_event}
        self._random = Random()
        self._failures = 0
        self._known_faults: frozenset[str] = frozenset()
        self._clock_offset_us: dict[str, int] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Read until `stop` is set; then the held samples are put as well and the device is let go."""
        try:
            while not stop.is_set():
                await _unless(stop, self._connect_and_poll(stop))
                if not stop.is_set():
                    pause_s = backoff_s(
                        self._failures - 1, self._random, self._settings.backoff_initial_s, self._settings.backoff_max_s
                    )
                    await _unless(stop, asyncio.sleep(pause_s))
        finally:
            for reporter in self._reporters.values():
                self._put(reporter.drain())
            await self._adapter.close()
            self._stats.connected = False

    async def _connect_and_poll(self, stop: asyncio.Event) -> None:
        """Poll until the device fails. As the supervisor, it lets no failure of an adapter pass, not even a defect."""
        try:
            await self._adapter.connect()
            self._log.info("connected")
            await self._poll(stop)
        except AdapterError as error:
            self._lost(error.kind, str(error))
        except Exception as error:
            self._lost("internal", f"{type(error).__name__}: {error}")
        await self._adapter.close()

    async def _poll(self, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        interval_s = self._pipeline.poll_interval_s
        start_s = due_s = loop.time()
        while not stop.is_set():
            await self._publisher.wait_for_room()
            samples = await self._adapter.read()
            self._stats.connected, self._failures = True, 0
            self._note_faults(samples)
            self._take(samples)
            previous_s, due_s = due_s, next_due_s(start_s, interval_s, loop.time())
            self._stats.missed(round((due_s - previous_s) / interval_s) - 1)
            await asyncio.sleep(due_s - loop.time())

    def _take(self, samples: list[Sample]) -> None:
        for sample in map(self._on_device_clock, samples):
            point = self._points[sample.key]
            if (point.event or point.is_event) and (event := self._envelope.event(point, sample)) is not None:
                self._publisher.put(Outgoing(Topic.EVENTS_RAW, self._envelope.key(point), _ENCODER.encode(event)))
            if not point.is_event:
                self._put(self._reporters[sample.key].step(sample))

    def _put(self, samples: list[Sample]) -> None:
        for sample in samples:
            point = self._points[sample.key]
            reading = self._envelope.reading(point, sample)
            self._publisher.put(Outgoing(Topic.TELEMETRY_RAW, self._envelope.key(point), _ENCODER.encode(reading)))
        self._stats.sent(len(samples), time.time_ns() // 1000)

    def _lost(self, kind: str, message: str) -> None:
        """Say once, for every series, that its device is gone: what looks fresh must not be stale."""
        self._stats.connected = False
        self._stats.failed(kind)
        if self._failures == 0:
            self._log.error("device_lost", error=message, kind=kind)
        self._failures += 1
        now_us = time.time_ns() // 1000
        for key, reporter in self._reporters.items():
            point = self._points[key]
            lost = Sample(point.parameter, None, now_us, None, Quality.BAD, COMM_LOSS, point.asset_id)
            self._put(reporter.step(self._on_device_clock(lost)))

    def _on_device_clock(self, sample: Sample) -> Sample:
        """Give the loss of a device the time that its clock would show.

        With the gateway's time, a series of a device whose clock is slow would jump ahead, and all that the device says
        after its return would be late for its windows.
        """
        if sample.device_time_us is not None:
            self._clock_offset_us[sample.key] = sample.device_time_us - sample.gateway_time_us
        elif sample.reason == COMM_LOSS and (offset_us := self._clock_offset_us.get(sample.key)) is not None:
            return replace(sample, device_time_us=sample.gateway_time_us + offset_us)
        return sample

    def _note_faults(self, samples: list[Sample]) -> None:
        faults = self._adapter.take_faults()
        for fault in faults:
            self._stats.failed(fault.kind)
            # a unit that is dead for a day is one line in the log, not one per probe
            if fault.message not in self._known_faults:
                self._log.warning("read_fault", kind=fault.kind, error=fault.message)
        lost = any(sample.reason == COMM_LOSS for sample in samples)
        self._known_faults = self._known_faults | {fault.message for fault in faults} if lost else frozenset()


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
