"""The MQTT adapter: messages in, samples out, and to the broker a confirmation once Kafka has them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Final

from adapters.mqtt.browse import listen
from adapters.mqtt.client import MqttClient
from adapters.mqtt.config import MqttConfig
from adapters.mqtt.harvest import Harvest, Interpreter
from adapters.mqtt.inbox import InFlight, Message
from adapters.mqtt.sparkplug.interpreter import SparkplugInterpreter
from adapters.mqtt.topics import TopicInterpreter
from ironstream.gateway.adapter import Fault, Offer, Point, Received

_BATCH: Final = 256


class MqttAdapter:
    """Reads one broker. No I/O before `connect`.

    `wall_us` gives the gateway's time (µs since the epoch). Silence is counted on a clock that stands still while
    nobody reads: what could not be taken for Kafka's sake is not the device's silence.
    """

    paced = False

    def __init__(self, config: MqttConfig, *, wall_us: Callable[[], int] = lambda: time.time_ns() // 1000) -> None:
        self._config = config
        self._wall_us = wall_us
        self._interpreter: Interpreter = (
            TopicInterpreter(config) if config.sparkplug is None else SparkplugInterpreter(config, config.sparkplug)
        )
        keep_session = config.session_expiry_s > 0 and config.sparkplug is None
        self._client = MqttClient(config, keep_session=keep_session)
        self._notes: list[str] = []
        self._listened_s = 0.0

    @property
    def points(self) -> Sequence[Point]:
        """The tags, and what else came up."""
        return self._interpreter.points

    async def connect(self) -> None:
        """Connect and subscribe. Raises AdapterError."""
        will, hello = self._interpreter.will(self._wall_us()) or (None, None)
        self._notes = await self._client.connect(self._interpreter.subscriptions, will=will, hello=hello)
        for publication in self._interpreter.connected(self._listened_s, self._wall_us()):
            self._client.publish(publication)

    async def close(self) -> None:
        """Let go of the connection; may be repeated."""
        await self._client.close()

    async def read(self) -> Received:
        """What has come, or what has fallen silent; waits for one of them.

        Raises AdapterError when the connection is gone and all that had come is read.
        """
        loop = asyncio.get_running_loop()
        while True:
            due_s = self._interpreter.due_s()
            since_s = loop.time()
            try:
                messages = await self._client.receive(
                    _BATCH, None if due_s is None else max(0.0, due_s - self._listened_s)
                )
            finally:
                self._listened_s += loop.time() - since_s
            received = self._received(messages)
            if received.samples or received.faults or received.receipt is not None:
                return received

    def pending(self) -> Received:
        """What has come and was not read; what comes from now on stays with the broker."""
        harvest = Harvest()
        messages = self._client.take_all()
        self._interpret(messages, harvest)
        self._interpreter.drain(harvest, self._listened_s, self._wall_us())
        return _received(harvest, messages)

    async def acknowledge(self, receipt: object) -> None:
        """Kafka has the messages of `receipt`: the broker is told."""
        if isinstance(receipt, tuple):
            self._client.confirm(in_flight for in_flight in receipt if isinstance(in_flight, InFlight))

    async def browse(self, pattern: str = "*") -> AsyncIterator[Offer]:
        """What is heard in `browse_s` seconds, each with the tag that would read it. Raises AdapterError."""
        async for offer in listen(self._config, pattern):
            yield offer

    def _received(self, messages: Sequence[Message]) -> Received:
        harvest = Harvest()
        harvest.faults += [Fault("device", note) for note in self._notes]
        self._notes = []
        self._interpret(messages, harvest)
        self._interpreter.tick(harvest, self._listened_s, self._wall_us())
        if dropped := self._client.dropped():
            harvest.faults += [Fault("overflow", "messages of QoS 0 came faster than they were read")] * dropped
        for publication in harvest.publications:
            self._client.publish(publication)
        return _received(harvest, messages)

    def _interpret(self, messages: Iterable[Message], into: Harvest) -> None:
        for message in messages:
            self._interpreter.interpret(message, into, self._listened_s)


def mqtt(config: MqttConfig) -> MqttAdapter:
    """The adapter of a broker; no I/O yet."""
    return MqttAdapter(config)


def _received(harvest: Harvest, messages: Iterable[Message]) -> Received:
    receipt = tuple(message.in_flight for message in messages if message.in_flight is not None)
    return Received(harvest.samples, (), harvest.faults, harvest.refused, receipt or None)
