"""Listens to a broker for a while and says what is there, with the tags that would read it."""

from __future__ import annotations

import asyncio
import fnmatch
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import msgspec

from adapters.mqtt.client import MqttClient
from adapters.mqtt.config import MqttConfig
from adapters.mqtt.identity import IdentityError, as_part
from adapters.mqtt.inbox import Message
from adapters.mqtt.link import Subscription
from adapters.mqtt.path import leaves
from adapters.mqtt.sparkplug.payload import SparkplugError, decode_payload, single_values
from adapters.mqtt.sparkplug.topic import NAMESPACE, Kind, parse_topic
from adapters.mqtt.sparkplug.types import MetricError, datatype_of
from adapters.mqtt.values import ValueType, from_text
from ironstream.gateway.adapter import Offer

_MOST_LEAVES = 1000


async def listen(config: MqttConfig, pattern: str) -> AsyncIterator[Offer]:
    """What is heard, each once, whose path matches the shell pattern.

    It has a session of its own that ends with it, so nothing that the pipeline waits for is taken from it. Raises
    AdapterError.
    """
    own = config.model_copy(update={"client_id": f"{config.client_id[:240]}-browse"})
    client = MqttClient(own, keep_session=False)
    seen: set[str] = set()
    try:
        await client.connect([Subscription(config.browse_filter, 0)])
        with suppress(TimeoutError):
            async with asyncio.timeout(config.browse_s):
                while True:
                    for message in await client.receive(256, None):
                        for offer in offers_of(message):
                            if offer.path not in seen and fnmatch.fnmatchcase(offer.path, pattern):
                                seen.add(offer.path)
                                yield offer
    finally:
        await client.close()


def offers_of(message: Message) -> Iterator[Offer]:
    """What a message offers. Raises nothing, whatever it holds. Pure."""
    if message.topic.startswith(NAMESPACE + "/"):
        yield from _metrics(message)
        return
    try:
        document = msgspec.json.decode(message.payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        document = None
    if not isinstance(document, dict | list):
        yield from _scalar(message)
        return
    for number, (steps, value) in enumerate(leaves(document)):
        if number >= _MOST_LEAVES:
            break
        path = "$" + "".join(_step(step) for step in steps)
        name = ".".join(str(step) for step in steps)
        yield _offer(message.topic, f"{message.topic} {path}", name, value, {"path": path})


def _scalar(message: Message) -> Iterator[Offer]:
    try:
        value = from_text(message.payload.decode(), ValueType.AUTO)
    except UnicodeDecodeError:
        yield Offer(message.topic, message.topic, f"{len(message.payload)} bytes")
        return
    yield _offer(message.topic, message.topic, message.topic.rpartition("/")[2], value, {})


def _metrics(message: Message) -> Iterator[Offer]:
    parsed = parse_topic(message.topic)
    if parsed is None or parsed[0] not in (Kind.NBIRTH, Kind.DBIRTH):
        return
    try:
        payload = decode_payload(message.payload)
    except SparkplugError:
        return
    for metric in payload.metrics:
        if metric.name is None:
            continue
        with suppress(MetricError):
            type_ = datatype_of(metric.datatype or 0)
            value = next((value for suffix, _, value in single_values(metric, type_) if not suffix), None)
            source = str(parsed[1])
            tag = _tag(source, metric.name, value, {"metric": metric.name})
            yield Offer(source, f"{source}/{metric.name}", type_.name, _shown(value), metric.unit, tag)


def _offer(topic: str, path: str, name: str, value: Any, more: dict[str, str]) -> Offer:
    type_ = "null" if value is None else type(value).__name__
    return Offer(topic, path, type_, _shown(value), None, _tag(topic, name, value, more))


def _tag(topic: str, name: str, value: Any, more: dict[str, str]) -> dict[str, Any] | None:
    try:
        tag: dict[str, Any] = {"name": as_part(name), "topic": topic, **more}
    except IdentityError:
        return None
    if isinstance(value, bool):
        tag["type"] = "bool"
    elif isinstance(value, str):
        tag["type"] = "text"
    return tag


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if step.replace("_", "a").isalnum() else f"[{chr(34)}{step}{chr(34)}]"


def _shown(value: Any) -> str:
    return "" if value is None else str(value)[:80]
