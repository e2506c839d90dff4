from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from digi.xbee.models.address import XBee16BitAddress, XBee64BitAddress
from digi.xbee.packets.common import ReceivePacket

from adapters.xbee.config import XBeeConfig
from adapters.xbee.frames import encode
from adapters.xbee.link import SerialLink
from adapters.xbee.messages import Data, local_command, message_of
from adapters.xbee.simulator import SimulatedNode, SimulatedXBee
from ironstream.gateway.adapter import DeviceConnectionError

NODE = SimulatedNode("0013A20000000001", "WELL")


@pytest.fixture(params=[1, 2])
async def radio(request: pytest.FixtureRequest) -> AsyncIterator[SimulatedXBee]:
    async with SimulatedXBee([NODE], api_mode=request.param) as made:
        yield made


def link_to(radio: SimulatedXBee, **fields: object) -> SerialLink:
    base = {
        "xbee_port": radio.port,
        "api_mode": radio.api_mode,
        "nodes": [{"node_id": "WELL"}],
        "tags": [{"name": "a", "address": 0}],
    }
    return SerialLink(XBeeConfig.model_validate({**base, **fields}))


async def payloads(link: SerialLink, count: int) -> list[bytes]:
    """The next `count` payloads; the timeout is only there to fail."""
    got: list[bytes] = []
    async with asyncio.timeout(20):
        while len(got) < count:
            await link.wait(20)
            messages = [message_of(frame.raw) for frame in link.fetch()]
            got += [message.payload for message in messages if isinstance(message, Data)]
            if link.failure is not None:
                raise link.failure
    return got


async def test_frames_come_through_the_port_whatever_is_between_them(radio: SimulatedXBee) -> None:
    link = link_to(radio)
    link.open()
    radio.raw(b"\x00\xff\x11noise\x13")
    radio.data("WELL", b"\x7e\x7d\x11\x13 first")
    radio.raw(b"\r\nOK\r")
    radio.data("WELL", b"second")
    assert await payloads(link, 2) == [b"\x7e\x7d\x11\x13 first", b"second"]
    link.close()


async def test_a_frame_that_is_never_finished_is_given_up_and_told(radio: SimulatedXBee) -> None:
    link = link_to(radio)
    link.open()
    radio.raw(b"\x7e\x01\x00")
    radio.data("WELL", b"after")
    assert await payloads(link, 1) == [b"after"]
    assert (link.damaged(), link.damaged()) == (1, 0)
    link.close()


async def test_what_nobody_fetches_is_bounded_and_counted_and_the_newest_is_kept(radio: SimulatedXBee) -> None:
    link = link_to(radio, queue_frames=3)
    link.open()
    for number in range(10):
        radio.data("WELL", bytes([number]))
    async with asyncio.timeout(20):
        while link.dropped_so_far < 7:  # noqa: ASYNC110  the link says nothing of what nobody fetches
            await asyncio.sleep(0.01)
    assert await payloads(link, 3) == [b"\x07", b"\x08", b"\x09"]
    assert (link.dropped(), link.dropped()) == (7, 0)
    link.close()


async def test_a_pulled_port_is_told_after_what_came_before_it(radio: SimulatedXBee) -> None:
    link = link_to(radio)
    link.open()
    radio.data("WELL", b"last")
    assert await payloads(link, 1) == [b"last"]
    radio.pull()
    async with asyncio.timeout(20):
        await link.wait(20)
    assert isinstance(link.failure, DeviceConnectionError)
    assert link.failure.hint
    with pytest.raises(DeviceConnectionError, match="is gone"):
        link.send(local_command(1, "AP"))
    link.close()
    link.close()


async def test_a_port_that_is_not_there_or_is_taken_is_told_with_what_to_do(
    radio: SimulatedXBee, tmp_path: Path
) -> None:
    missing = link_to(radio, xbee_port=str(tmp_path / "none"))
    with pytest.raises(DeviceConnectionError, match="cannot be opened: No such file") as caught:
        missing.open()
    assert "plugged in" in caught.value.hint
    plain = tmp_path / "file"
    plain.touch()
    with pytest.raises(DeviceConnectionError, match="cannot be opened"):
        link_to(radio, xbee_port=str(plain)).open()
    first, second = link_to(radio), link_to(radio)
    first.open()
    with pytest.raises(DeviceConnectionError, match="cannot be opened"):
        second.open()
    first.close()
    second.open()
    second.close()
    with pytest.raises(DeviceConnectionError, match="closed"):
        second.send(local_command(1, "AP"))


async def test_opening_and_closing_leaves_neither_threads_nor_open_files(radio: SimulatedXBee) -> None:
    link = link_to(radio)
    files, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
    for _ in range(20):
        link.open()
        radio.data("WELL", b"x")
        assert await payloads(link, 1) == [b"x"]
        link.close()
    assert (len(os.listdir("/proc/self/fd")), threading.active_count()) == (files, threads)


async def test_what_was_sent_while_the_port_was_closed_is_not_told_later(radio: SimulatedXBee) -> None:
    link = link_to(radio)
    link.open()
    link.close()
    radio.data("WELL", b"stale")
    link.open()
    radio.data("WELL", b"fresh")
    assert await payloads(link, 1) == [b"fresh"]
    link.close()


async def test_a_port_that_takes_nothing_is_told_and_not_waited_for(radio: SimulatedXBee) -> None:
    link = link_to(radio)
    link.open()
    radio.freeze()
    address = XBee64BitAddress.from_hex_string(NODE.address64)
    big = ReceivePacket(address, XBee16BitAddress.UNKNOWN_ADDRESS, 0, bytearray(1000))
    assert len(encode(big, escaped=False)) > 1000
    for _ in range(1000):
        if link.failure is None:
            with suppress(DeviceConnectionError):
                link.send(big)
    assert "takes no more bytes" in str(link.failure)
    link.close()
