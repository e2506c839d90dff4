"""A process that follows the log of topologies says on config.status what it holds."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from typing import Any, Final, Self

import msgspec
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from ironstream.contract import Topic
from ironstream.rollout.statuses import HEARTBEAT_S, STATUS_PARTITION, Answer, Role, Status, encode_status
from ironstream.settings import Settings

_LOG = structlog.get_logger(__name__)
_FAREWELL_S: Final = 2.0


def process_name() -> str:
    """Tells this process from all others of the deployment."""
    return f"{socket.gethostname()}:{os.getpid()}"


class Participant:
    """Says what it is told, and that it is there. Never raises for Kafka: what could not be said is said later."""

    def __init__(self, settings: Settings, role: Role, name: str) -> None:
        self.status = Status(f"{role} {name}", role)
        self._kafka = settings.kafka_client_kwargs()
        self._topic = settings.topic(Topic.CONFIG_STATUS)
        self._producer: Any = None
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._speak(), name=f"status of {self.status.participant}")
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._task is not None
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        with suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(_FAREWELL_S):
                if self._producer is not None:
                    await self._send(None)
        await self._close()

    def say(
        self, *, change: int | None, version: int | None, refused: str | None = None, on: int = 0, of: int = 0
    ) -> None:
        """What it holds from now on; see Status."""
        self._is_now(
            msgspec.structs.replace(self.status, change=change, version=version, refused=refused, on=on, of=of)
        )

    def answer(self, proposal: str, refused: str | None) -> None:
        """Whether it could take the proposed version; `refused` says why it could not."""
        self._is_now(msgspec.structs.replace(self.status, answer=Answer(proposal, refused)))

    def _is_now(self, status: Status) -> None:
        if status != self.status:
            self.status = status
            self._news.set()

    async def _speak(self) -> None:
        while True:
            self._news.clear()
            try:
                await self._send(encode_status(self.status))
            except (KafkaError, OSError) as error:
                _LOG.debug("status_not_said", error=str(error))
                await self._close()
                await asyncio.sleep(HEARTBEAT_S)
                continue
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), HEARTBEAT_S)

    async def _send(self, value: bytes | None) -> None:
        if self._producer is None:
            producer = AIOKafkaProducer(**self._kafka, acks="all")
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
        key = self.status.participant.encode()
        await self._producer.send_and_wait(self._topic, key=key, value=value, partition=STATUS_PARTITION)

    async def _close(self) -> None:
        if self._producer is not None:
            producer, self._producer = self._producer, None
            with suppress(KafkaError, OSError):
                await producer.stop()
