from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from typing import Any

import aiomqtt
import pytest

from adapters.simulator.live import LivePlant
from adapters.simulator.mqtt_broker import ONLINE, TELEMETRY, PressBroker
from adapters.simulator.physics import Plant


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("amqtt", "transitions", "mqtt")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


async def heard(broker: PressBroker, topic: str, wanted: int) -> list[bytes]:
    found: list[bytes] = []
    async with asyncio.timeout(20), aiomqtt.Client(broker.host, broker.port) as client:
        await client.subscribe(topic, qos=1)
        async for message in client.messages:
            assert isinstance(message.payload, bytes)
            found.append(message.payload)
            if len(found) == wanted:
                break
    return found


async def test_the_press_tells_its_values_as_json_with_its_own_time() -> None:
    async with PressBroker(LivePlant(Plant(seed=1), wall_us=lambda: 1_736_510_463_123_000), update_s=0.02) as broker:
        documents: list[dict[str, Any]] = [json.loads(payload) for payload in await heard(broker, TELEMETRY, 3)]

    assert documents[0].keys() == {"ts", "force", "position", "oil", "parts", "state"}
    assert documents[0]["ts"] == 1_736_510_463_123
    assert documents[0]["oil"]["temperature"] == pytest.approx(46, abs=2)
    assert {document["state"] for document in documents} == {"closing"}


async def test_whoever_comes_later_hears_whether_it_is_there() -> None:
    async with PressBroker(LivePlant(Plant(seed=1)), update_s=0.02) as broker:
        await heard(broker, TELEMETRY, 1)

        assert await heard(broker, ONLINE, 1) == [b"true"]


async def test_a_press_that_leaves_the_network_says_so_and_comes_back() -> None:
    now = [0.0]
    async with PressBroker(LivePlant(Plant(seed=1), monotonic_s=lambda: now[0]), update_s=0.02) as broker:
        await heard(broker, TELEMETRY, 1)
        states: list[bytes] = []
        async with asyncio.timeout(20), aiomqtt.Client(broker.host, broker.port) as client:
            await client.subscribe(ONLINE, qos=1)
            async for message in client.messages:
                assert isinstance(message.payload, bytes)
                states.append(message.payload)
                now[0] = {1: 62.0, 2: 67.0}.get(len(states), now[0])
                if len(states) == 3:
                    break

    assert states == [b"true", b"false", b"true"]


async def test_a_port_that_is_taken_is_an_error() -> None:
    async with PressBroker(LivePlant(Plant())) as broker:
        with pytest.raises(OSError, match="in use"):
            async with PressBroker(LivePlant(Plant()), port=broker.port):
                pass
