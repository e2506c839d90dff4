"""The simulated radio against Digi's own driver, which shares no line of framing, discovery or I/O with ours."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from digi.xbee.devices import RemoteZigBeeDevice, ZigBeeDevice
from digi.xbee.io import IOLine, IOValue
from digi.xbee.models.address import XBee64BitAddress
from digi.xbee.models.protocol import XBeeProtocol

from adapters.xbee.simulator import SimulatedNode, SimulatedXBee

WELL = "0013A20041B2C3D4"


@pytest.fixture(params=[1, 2])
async def radio(request: pytest.FixtureRequest) -> AsyncIterator[SimulatedXBee]:
    nodes = [SimulatedNode(WELL, "WELL-12", -52, "12AB"), SimulatedNode("0013A2007E7D1113", "TANK-3", -71, "7E11")]
    async with SimulatedXBee(nodes, api_mode=request.param) as made:
        yield made


@pytest.fixture
async def driver(radio: SimulatedXBee) -> AsyncIterator[Any]:
    device: Any = ZigBeeDevice(radio.port, 9600)
    await asyncio.to_thread(device.open)
    yield device
    await asyncio.to_thread(device.close)


async def until(condition: Any, what: str) -> None:
    """Wait for something that comes from a thread of the driver; the timeout is only there to fail."""
    end_s = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end_s, what
        await asyncio.sleep(0.01)


async def test_the_driver_opens_it_and_knows_what_it_is(driver: Any) -> None:
    assert driver.get_protocol() is XBeeProtocol.ZIGBEE
    assert driver.get_node_id() == "GATEWAY"
    assert str(driver.get_64bit_addr()) == "0013A20040000001"


async def test_the_driver_finds_the_radios_behind_it(driver: Any) -> None:
    network = driver.get_network()
    network.start_discovery_process(n_deep_scans=0)
    await until(lambda: len(network.get_devices()) == 2, "two radios")
    network.stop_discovery_process()
    found = {str(node.get_64bit_addr()): node.get_node_id() for node in network.get_devices()}
    assert found == {WELL: "WELL-12", "0013A2007E7D1113": "TANK-3"}


async def test_the_driver_receives_data_and_lines_as_they_were_sent(radio: SimulatedXBee, driver: Any) -> None:
    data: list[tuple[str, bytes]] = []
    samples: list[Any] = []
    driver.add_data_received_callback(lambda m: data.append((str(m.remote_device.get_64bit_addr()), bytes(m.data))))
    driver.add_io_sample_received_callback(lambda sample, remote, at: samples.append(sample))
    radio.data("WELL-12", b"\x7e\x7d\x11\x13")
    radio.lines("TANK-3", {0: True, 12: False}, {1: 512, 7: 2900})
    await until(lambda: data and samples, "data and a sample")
    assert data == [(WELL, b"\x7e\x7d\x11\x13")]
    assert samples[0].digital_values == {IOLine.DIO0_AD0: IOValue.HIGH, IOLine.DIO12: IOValue.LOW}
    assert samples[0].analog_values == {IOLine.DIO1_AD1: 512}
    assert samples[0].power_supply_value == 2900


async def test_the_driver_asks_a_remote_radio_for_its_signal_and_its_name(radio: SimulatedXBee, driver: Any) -> None:
    remote: Any = RemoteZigBeeDevice(driver, XBee64BitAddress.from_hex_string(WELL))
    assert await asyncio.to_thread(remote.get_parameter, "DB") == bytearray([52])
    assert await asyncio.to_thread(remote.get_parameter, "NI") == bytearray(b"WELL-12")
