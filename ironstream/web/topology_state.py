"""The log of topologies and those who follow it, followed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from aiokafka import AIOKafkaConsumer, TopicPartition

from ironstream.contract import Topic
from ironstream.errors import DecodeError
from ironstream.rollout.history import History
from ironstream.rollout.log import TopologyLog
from ironstream.rollout.statuses import AWAY_S, STATUS_PARTITION, Status, decode_status
from ironstream.settings import Settings
from ironstream.web.contact import Contact
from ironstream.web.declared import DeclaredPlant, declared_plant
from ironstream.web.log_time import LogTime

_BACK: Final = 2000
"""Records of config.status from which those who are there are known: heartbeats of hundreds of them."""
OnDeclared = Callable[[DeclaredPlant], Awaitable[None]]


class TopologyState:
    """`history` is the log as it was read, `declared` the version that holds, made ready (the one before it until it
    is), `present` what those say who follow it; `log` and `statuses` are the contacts with both topics. It only reads.
    """

    def __init__(self, settings: Settings, log_time: LogTime, on_declared: OnDeclared) -> None:
        self.history = History()
        self.declared = DeclaredPlant(0)
        self.log = Contact()
        self.statuses = Contact()
        self._settings = settings
        self._log_time = log_time
        self._on_declared = on_declared
        self._said: dict[str, tuple[int, Status]] = {}

    @property
    def present(self) -> list[Status]:
        """What each says that is there, by role and name."""
        since = self._log_time.now_ms() - AWAY_S * 1000
        there = (status for said_ms, status in self._said.values() if said_ms >= since)
        return sorted(there, key=lambda status: status.participant)

    async def follow_log(self) -> None:
        """Follow the log of topologies for ever. Run as a task once its topic is there."""
        await self.log.keep(self._versions, "log of topologies")

    async def follow_statuses(self) -> None:
        """Follow config.status for ever. Run as a task once its topic is there."""
        await self.statuses.keep(self._statuses, "statuses")

    async def _versions(self) -> None:
        async with TopologyLog(self._settings) as log:
            self.history = log.history
            while True:
                await self._compile()
                self.log.heard()
                await log.poll()

    async def _compile(self) -> None:
        version = self.history.version
        if version is not None and version.number != self.declared.version:
            # in a thread: the compilation of a large plant takes seconds
            self.declared = await asyncio.to_thread(declared_plant, version)
            await self._on_declared(self.declared)

    async def _statuses(self) -> None:
        at = TopicPartition(self._settings.topic(Topic.CONFIG_STATUS), STATUS_PARTITION)
        consumer = AIOKafkaConsumer(**self._settings.kafka_client_kwargs(), enable_auto_commit=False)
        await consumer.start()
        try:
            consumer.assign([at])
            first, end = (await consumer.beginning_offsets([at]))[at], (await consumer.end_offsets([at]))[at]
            consumer.seek(at, max(first, end - _BACK))
            self.statuses.heard()
            while True:
                for record in (await consumer.getmany(at, timeout_ms=500)).get(at, ()):
                    self._take(record, live=record.offset >= end)
        finally:
            await consumer.stop()

    def _take(self, record: Any, live: bool) -> None:
        if live:
            self._log_time.heard(record.timestamp)
        if record.key is None:
            # no participant writes such a one, and nobody is named by it
            return
        name = record.key.decode(errors="replace")
        if not record.value:
            self._said.pop(name, None)
            return
        with suppress(DecodeError):
            self._said[name] = record.timestamp, decode_status(record.value)
