"""Watches a running system through Kafka alone, acknowledges the first overheat alarm, and draws what it sees."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import structlog
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from rich.console import Console
from rich.live import Live

from ironstream.commands.query_store import opened_store
from ironstream.commands.signals import Stop
from ironstream.contract import AlarmState, Topic
from ironstream.demo.plant import Plant
from ironstream.demo.scene import ASKED, TOPICS, AlarmView, Milestone, Scene
from ironstream.demo.view import draw
from ironstream.engine.log_reader import LogReader
from ironstream.errors import IronstreamError
from ironstream.operator import command_on, send_command
from ironstream.settings import Settings

log = structlog.get_logger(__name__)

ACTOR: Final = "demo-script"
_ACK_AFTER_S: Final = 1.5
"""The pump trips and cools below the limit about 4 s after it has passed it; the acknowledgement must come before."""
_FRAME_S: Final = 0.25
_LAG_S: Final = 1.0
_CHECK_S: Final = 0.5
_NEWS_S: Final = 10.0
_ASK_S: Final = 2.0
_ASKED_BACK_US: Final = 300_000_000
_STORES: Final = {"store": Milestone.DATABASE, "lake": Milestone.LAKE}
"""Sinks of topology.yaml, and what it shows that they answer."""
_RAW: Final = (Topic.TELEMETRY_RAW, Topic.EVENTS_RAW, Topic.ALARMS_RAW)


class Watch:
    """One demo being watched. `seconds` is the time since the set-up."""

    def __init__(self, plant: Plant, console: Console, *, live: bool) -> None:
        self.scene = Scene()
        self._plant = plant
        self._settings: Settings = plant.settings
        self._console = console
        self._live = live
        self._started_s = time.monotonic()
        self._hint = "Ctrl-C ends the demo"

    @property
    def seconds(self) -> float:
        """Time since the set-up."""
        return time.monotonic() - self._started_s

    async def run(self, stop: Stop, duration_s: float | None) -> None:
        """Watch until `stop`, or for `duration_s`. Raises ChildDiedError when a process of the demo ends."""
        works: list[Callable[[], Any]] = [self._feed, self._lag, self._operate, self._check, self._ask_stores]
        works.append(self._draw if self._live else self._tell)
        tasks = [asyncio.create_task(work()) for work in works]
        try:
            while not stop.requested and (duration_s is None or self.seconds < duration_s):
                done, _ = await asyncio.wait(tasks, timeout=_CHECK_S / 2, return_when=asyncio.FIRST_EXCEPTION)
                for task in done:
                    task.result()
                if done:
                    tasks = [task for task in tasks if not task.done()]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def screen(self, width: int, height: int) -> Any:
        """The view as it is now."""
        now_us = time.time_ns() // 1000
        return draw(self.scene, self.seconds, now_us, width=width, height=height, hint=self._hint)

    async def _feed(self) -> None:
        async with LogReader(self._settings, TOPICS) as reader:
            await reader.to_beginning()
            while True:
                for record in await reader.poll(200):
                    self.scene.take(reader.topic_of(record), record, self.seconds, time.time_ns() // 1000)

    async def _lag(self) -> None:
        admin = AIOKafkaAdminClient(**self._settings.kafka_client_kwargs())
        await admin.start()
        try:
            async with LogReader(self._settings, _RAW) as reader:
                while True:
                    ends = await reader.consumer.end_offsets(reader.partitions)
                    self.scene.lag = await self._behind(admin, ends)
                    await asyncio.sleep(_LAG_S)
        finally:
            await admin.close()

    async def _behind(self, admin: AIOKafkaAdminClient, ends: dict[TopicPartition, int]) -> int | None:
        try:
            committed = await admin.list_consumer_group_offsets(self._settings.application_id)
        except KafkaError:
            return None  # the group is being balanced; the next look comes in a second
        offsets: dict[TopicPartition, int] = {tp: metadata.offset for tp, metadata in committed.items()}
        return sum(max(0, end - max(offsets.get(tp, 0), 0)) for tp, end in ends.items())

    async def _operate(self) -> None:
        """Do what an operator would: acknowledge the first overheat alarm a moment after it shows."""
        while Milestone.ACKNOWLEDGED not in self.scene.milestones:
            alarm = self._first_active()
            if alarm is None:
                await asyncio.sleep(0.1)
                continue
            words = f"ironstream alarms ack {alarm.alarm_id} --bootstrap {self._settings.bootstrap}"
            self._hint = f"in a second terminal: {words}"
            if not self._live:
                self._console.print(f"acknowledging, as a person would by: {words}", markup=False)
            await asyncio.sleep(_ACK_AFTER_S)
            command = command_on(alarm.alarm_id, "ack", ACTOR, comment="acknowledged by the script of the demo")
            try:
                await send_command(self._settings, command)
            except IronstreamError as error:
                log.warning("acknowledgement failed", error=error.message)
            # the answer is on audit_trail before the transition has been read here
            await asyncio.sleep(1.0)

    async def _ask_stores(self) -> None:
        """Ask both stores for last values, as `ironstream query last` does."""
        # costly to import, which every other command would pay for
        from ironstream.query.patterns import SeriesPattern

        pattern = SeriesPattern.parse(ASKED)
        while True:
            for sink_id, milestone in _STORES.items():
                try:
                    async with opened_store(self._settings, sink_id) as store:
                        found = await store.last(pattern, time.time_ns() // 1000 - _ASKED_BACK_US)
                except IronstreamError:
                    continue  # nothing is stored yet; what stays so is told as missing at the end
                self.scene.answered(milestone, found, self.seconds)
            await asyncio.sleep(_ASK_S)

    def _first_active(self) -> AlarmView | None:
        for alarm in self.scene.alarms.values():
            if alarm.type == "overheat" and alarm.state == AlarmState.ACTIVE:
                return alarm
        return None

    async def _check(self) -> None:
        while True:
            self._plant.check()
            await asyncio.sleep(_CHECK_S)

    async def _draw(self) -> None:
        with Live(console=self._console, screen=True, auto_refresh=False, transient=True) as live:
            while True:
                size = self._console.size
                live.update(self.screen(size.width, size.height), refresh=True)
                await asyncio.sleep(_FRAME_S)

    async def _tell(self) -> None:
        told: set[Milestone] = set()
        next_news_s = _NEWS_S
        while True:
            for milestone, seen in list(self.scene.milestones.items()):
                if milestone not in told:
                    told.add(milestone)
                    self._console.print(f"{seen.first_s:5.1f} s  seen: {milestone}")
            if self.seconds >= next_news_s:
                next_news_s += _NEWS_S
                rate, lag = self.scene.readings_per_s(self.seconds), self.scene.lag
                self._console.print(f"{self.seconds:5.1f} s  {rate:.0f} readings/s, lag {lag} records")
            await asyncio.sleep(_FRAME_S)
