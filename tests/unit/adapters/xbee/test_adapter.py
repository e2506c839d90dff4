from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest

from adapters.xbee.adapter import XBeeAdapter, xbee_modbus
from adapters.xbee.config import XBeeConfig
from adapters.xbee.simulator import SimulatedNode, SimulatedXBee
from ironstream.gateway.adapter import (
    Browsable,
    DeviceConnectionError,
    DeviceProtocolError,
    DeviceTimeoutError,
    Offer,
    Received,
    Sample,
)

WELL = "0013A20000000001"
TANK = "0013A20000000002"


@pytest.fixture(params=[1, 2])
async def radio(request: pytest.FixtureRequest) -> AsyncIterator[SimulatedXBee]:
    nodes = [SimulatedNode(WELL, "WELL", -52, "0001"), SimulatedNode(TANK, "TANK", -71, "0002")]
    async with SimulatedXBee(nodes, api_mode=request.param) as made:
        yield made


def adapter_of(radio: SimulatedXBee, **fields: Any) -> XBeeAdapter:
    base: dict[str, Any] = {
        "xbee_port": radio.port,
        "api_mode": radio.api_mode,
        "timeout_s": 5,
        "nodes": [{"node_id": "WELL", "asset": "well"}, {"address64": TANK, "asset": "tank"}],
        "tags": [
            {"name": "pressure", "node": "WELL", "address": 0, "type": "FLOAT32", "unit": "psi"},
            {"name": "full", "node": TANK, "kind": "discrete", "address": 0},
            {"name": "level", "node": TANK, "kind": "input", "address": 1},
        ],
    }
    return xbee_modbus(XBeeConfig.model_validate({**base, **fields}))


async def told(adapter: XBeeAdapter, count: int) -> list[Sample]:
    """The next `count` samples at least; the timeout is only there to fail."""
    samples: list[Sample] = []
    async with asyncio.timeout(20):
        while len(samples) < count:
            received = await adapter.read()
            assert received.faults == []
            samples += received.samples
    return samples


async def test_values_of_both_kinds_of_node_are_told_with_their_signal(radio: SimulatedXBee) -> None:
    adapter = adapter_of(radio, rssi_interval_s=60)
    await adapter.connect()
    radio.data("WELL", struct.pack(">f", 185.4))
    radio.lines("TANK", {0: True, 3: False}, {1: 1023})
    samples = await told(adapter, 5)
    assert {sample.point.key: sample.value for sample in samples} == {
        "well/pressure": pytest.approx(185.4),
        "well/rssi": -52,
        "tank/full": True,
        "tank/level": 1023,
        "tank/rssi": -71,
    }
    assert {sample.point for sample in samples} == set(adapter.points)
    await adapter.close()


async def test_what_comes_while_it_connects_is_not_lost(radio: SimulatedXBee) -> None:
    adapter = adapter_of(radio)
    connecting = asyncio.create_task(adapter.connect())
    # once it has asked, the port is open
    await asyncio.sleep(0)
    radio.lines("TANK", {0: True}, {})
    await connecting
    assert [sample.parameter for sample in await told(adapter, 1)] == ["full"]
    await adapter.close()


async def test_a_cancelled_read_loses_nothing_and_what_is_left_is_pending(radio: SimulatedXBee) -> None:
    adapter = adapter_of(radio)
    await adapter.connect()
    samples: list[Sample] = []
    for level in range(50):
        reading = asyncio.create_task(adapter.read())
        await asyncio.sleep(0)
        radio.lines("TANK", {}, {1: level})
        if level % 3:
            await asyncio.sleep(0)
        reading.cancel()
        with suppress(asyncio.CancelledError):
            samples += (await reading).samples
    radio.lines("TANK", {}, {1: 999})
    async with asyncio.timeout(20):
        while not samples or samples[-1].value != 999:
            await asyncio.sleep(0.01)
            samples += adapter.pending().samples
    assert [sample.value for sample in samples] == [*range(50), 999]
    await adapter.close()


async def test_a_pulled_radio_is_told_after_what_it_said_last(radio: SimulatedXBee) -> None:
    adapter = adapter_of(radio)
    await adapter.connect()
    radio.lines("TANK", {}, {1: 5})
    assert [sample.value for sample in await told(adapter, 1)] == [5]
    radio.pull()
    with pytest.raises(DeviceConnectionError, match="is gone"):
        await asyncio.wait_for(adapter.read(), 20)
    await adapter.close()
    with pytest.raises(DeviceConnectionError, match="cannot be opened"):
        await adapter.connect()


async def test_a_radio_without_power_behind_a_living_port_is_noticed(radio: SimulatedXBee) -> None:
    adapter = adapter_of(radio, keepalive_s=0.05, timeout_s=0.2)
    await adapter.connect()
    radio.lines("TANK", {}, {1: 5})
    assert [sample.value for sample in await told(adapter, 1)] == [5]
    radio.mute = True
    with pytest.raises(DeviceTimeoutError, match="gives no answer"):
        await asyncio.wait_for(adapter.read(), 20)
    await adapter.close()
    with pytest.raises(DeviceTimeoutError) as caught:
        await adapter.connect()
    assert "baud_rate" in caught.value.hint


async def test_a_quiet_radio_that_answers_stays_connected(radio: SimulatedXBee) -> None:
    adapter = adapter_of(radio, keepalive_s=0.02, timeout_s=5)
    await adapter.connect()
    reading = asyncio.create_task(adapter.read())
    asked = radio.answered
    async with asyncio.timeout(20):
        while radio.answered < asked + 5:  # noqa: ASYNC110  a radio has no event for this
            await asyncio.sleep(0.01)
    radio.lines("TANK", {}, {1: 5})
    assert [sample.value for sample in (await reading).samples] == [5]
    await adapter.close()


async def test_the_wrong_api_mode_is_told_with_the_right_one(radio: SimulatedXBee) -> None:
    adapter = adapter_of(radio, api_mode=3 - radio.api_mode)
    with pytest.raises(DeviceProtocolError, match=f"is in API mode {radio.api_mode}") as caught:
        await adapter.connect()
    assert f"api_mode: {radio.api_mode}" in caught.value.hint


async def test_a_lost_node_is_bad_once_and_the_others_go_on(radio: SimulatedXBee) -> None:
    adapter = adapter_of(
        radio,
        nodes=[{"node_id": "WELL", "asset": "well", "silence_s": 0.2}, {"address64": TANK, "asset": "tank"}],
    )
    await adapter.connect()
    async with asyncio.timeout(20):
        received = await adapter.read()
    assert [(s.point.key, s.value, s.quality.name, s.reason) for s in received.samples] == [
        ("well/pressure", None, "BAD", "comm_loss")
    ]
    assert [fault.kind for fault in received.faults] == ["timeout"]
    radio.lines("TANK", {0: False}, {})
    radio.data("WELL", struct.pack(">f", 1.5))
    assert {s.point.key: s.value for s in await told(adapter, 2)} == {"tank/full": False, "well/pressure": 1.5}
    await adapter.close()


async def test_trouble_on_the_line_is_told_and_the_next_value_is_read(radio: SimulatedXBee) -> None:
    adapter = adapter_of(radio)
    await adapter.connect()
    radio.raw(b"\x7e\x00\x05\x90\x01\x02\x03\x04\x00")
    radio.lines("TANK", {}, {1: 7})
    received = Received()
    kinds: set[str] = set()
    async with asyncio.timeout(20):
        while not received.samples:
            received = await adapter.read()
            kinds |= {fault.kind for fault in received.faults}
    assert [sample.value for sample in received.samples] == [7]
    assert kinds == {"protocol"}
    await adapter.close()


async def test_browsing_lists_the_radios_around_and_what_they_sent(radio: SimulatedXBee) -> None:
    adapter = adapter_of(radio, discovery_timeout_s=0.5)
    assert isinstance(adapter, Browsable)
    await adapter.connect()
    radio.data("WELL", b"\x41\xb9")
    offers: list[Offer] = [offer async for offer in adapter.browse("WELL*")]
    assert [(offer.path, offer.type, offer.value) for offer in offers] == [
        ("WELL", "radio", ""),
        ("WELL/40001", "register", "0x41b9"),
    ]
    assert offers[1].tag == {"name": "r40001", "node": "WELL", "address": 0}
    await adapter.close()
