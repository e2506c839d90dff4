"""Machines behind an MQTT broker for the conformance suite."""

from __future__ import annotations

import asyncio
import itertools
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import aiomqtt

from tests.support.mqtt import MqttBroker, publisher
from tests.support.sparkplug import EdgeNode

_IDS = itertools.count()
Stopped = Callable[[float], Awaitable[bool]]


class Repeating:
    """A task that is asked to end: a cancelled one may go on, where a library's `wait_for` swallows that."""

    def __init__(self, work: Callable[[Stopped], Awaitable[None]]) -> None:
        self._work = work
        self._stop = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._stop = asyncio.Event()
        self._task = asyncio.ensure_future(self._run())

    async def stop(self) -> None:
        self._stop.set()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        await self._work(self._stopped_after)

    async def _stopped_after(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        return self._stop.is_set()


class _BrokerBench(ABC):
    """A broker, and something that speaks through it until it is stopped."""

    adapter = "mqtt"
    secret = ("host", "localhost")

    def __init__(self) -> None:
        self._broker = MqttBroker()
        self._client_id = f"conformance-{next(_IDS)}"
        self._speaker = Repeating(self._speak)
        self._silent: str | None = None

    async def start(self) -> None:
        await self._broker.start()
        self._speaker.start()

    async def stop(self) -> None:
        await self._speaker.stop()
        await self._broker.stop()

    def silence(self, part: str | None) -> None:
        self._silent = part

    def broker(self) -> dict[str, Any]:
        """The part of the configuration that leads to the broker."""
        return {
            "host": "127.0.0.1",
            "port": self._broker.port,
            "version": "3.1.1",
            "client_id": self._client_id,
            "timeout_s": 2,
        }

    @abstractmethod
    async def _speak(self, stopped: Stopped) -> None:
        """Speak until `stopped` says so."""


class MqttBench(_BrokerBench):
    """A broker, and a machine that tells its values ten times a second."""

    bad_config: Mapping[str, Any] = {
        "host": "",
        "port": 99999,
        "tags": [
            {"name": "a", "topic": "a/+"},
            {"name": "b b", "topic": "b"},
            {"name": "c", "topic": "c", "type": "X"},
        ],
        "topics": [{"pattern": "plant/{Asset}", "qos": 3}],
        "surprise": 1,
    }
    bad_fields = (
        "host",
        "port",
        "client_id",
        "tags.0.topic",
        "tags.1.name",
        "tags.2.type",
        "topics.0.pattern",
        "topics.0.qos",
        "surprise",
    )

    def config(self) -> dict[str, Any]:
        return {
            **self.broker(),
            "tags": [
                {"name": "a", "topic": "plant/pump", "path": "$.a", "unit": "bar"},
                {"name": "running", "topic": "plant/pump", "path": "$.state.running", "type": "bool"},
                {"name": "text", "topic": "plant/pump", "path": "$.state.text", "type": "text"},
                {"name": "b", "topic": "plant/b", "qos": 0, "silence_s": 0.5},
            ],
        }

    async def _speak(self, stopped: Stopped) -> None:
        async with publisher(self._broker.port) as client:
            while not await stopped(0.1):
                await self._tell_once(client)

    async def _tell_once(self, client: aiomqtt.Client) -> None:
        if self._silent != "a":
            await client.publish("plant/pump", b'{"a": 1, "state": {"running": true, "text": "OK!!"}}', qos=1)
        if self._silent != "b":
            await client.publish("plant/b", b"2")


class SparkplugBench(_BrokerBench):
    """A broker, and an edge node with two devices."""

    bad_config: Mapping[str, Any] = {
        "host": "",
        "client_id": "x",
        "version": "4",
        "sparkplug": {"groups": ["a/b"], "site": "{line}", "reorder_timeout_s": 0},
    }
    bad_fields = ("host", "version", "sparkplug.groups.0", "sparkplug.site", "sparkplug.reorder_timeout_s")

    def config(self) -> dict[str, Any]:
        return {
            **self.broker(),
            "sparkplug": {"groups": ["plant"], "rebirth_interval_s": 0.2},
            "tags": [
                {"name": "a", "topic": "plant/edge/pump", "metric": "hydraulics/a", "unit": "bar"},
                {"name": "running", "topic": "plant/edge/pump", "metric": "state/running", "type": "bool"},
                {"name": "text", "topic": "plant/edge/pump", "metric": "state/text", "type": "text"},
                {"name": "b", "topic": "plant/edge/other", "metric": "b", "silence_s": 0.5},
            ],
        }

    async def _speak(self, stopped: Stopped) -> None:
        async with publisher(self._broker.port) as client:
            node = EdgeNode(client, "plant", "edge")
            node.devices = {
                "pump": {"hydraulics/a": 1, "state/running": True, "state/text": "OK!!"},
                "other": {"b": 2},
            }
            await node.listen()
            await self._birth(node)
            while not await stopped(0.1):
                if await node.asked_for_birth():
                    await self._birth(node)
                for device in self._alive(node):
                    await node.data(device)

    async def _birth(self, node: EdgeNode) -> None:
        await node.birth(list(self._alive(node)))

    def _alive(self, node: EdgeNode) -> list[str]:
        dead = {"a": "pump", "b": "other"}.get(self._silent or "")
        for device in node.devices:
            if device == dead:
                node.born.discard(device)
        return [device for device in node.devices if device != dead]
