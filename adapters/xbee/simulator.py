"""A simulated local radio on a pseudo-terminal, with remote radios behind it: for tests, and to try without hardware.

`python -m adapters.xbee --link /tmp/xbee` runs one that `sample.yaml` reads. Its frames are made by Digi's library.
"""

from __future__ import annotations

import asyncio
import os
import pty
import tty
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from digi.xbee.models.address import XBee16BitAddress, XBee64BitAddress
from digi.xbee.models.mode import OperatingMode
from digi.xbee.models.status import ATCommandStatus
from digi.xbee.packets.aft import ApiFrameType
from digi.xbee.packets.base import XBeeAPIPacket
from digi.xbee.packets.common import (
    ATCommResponsePacket,
    IODataSampleRxIndicatorPacket,
    ReceivePacket,
    RemoteATCommandResponsePacket,
)
from digi.xbee.packets.factory import build_frame

from adapters.xbee.frames import FrameReader, encode

_ACKNOWLEDGED: Final = 1
_COORDINATOR: Final = "0013A20040000001"
_ROUTER: Final = 1
_ZIGBEE_VERSIONS: Final = {"HV": bytes([0x2E, 0x4B]), "VR": bytes([0x40, 0x61])}
_CHUNK: Final = 4096
_ANSWER_S: Final = 0.005
"""A radio takes its time to answer; Digi's own driver misses an answer that comes at once."""


@dataclass(slots=True)
class SimulatedNode:
    """A remote radio: `signal` in dBm; `reachable` False is one out of range or without power."""

    address64: str
    node_id: str
    signal: int = -40
    address16: str = "1234"
    reachable: bool = True

    @property
    def addresses(self) -> tuple[XBee64BitAddress, XBee16BitAddress]:
        """Both addresses as Digi's library has them."""
        return XBee64BitAddress.from_hex_string(self.address64), XBee16BitAddress.from_hex_string(self.address16)

    @property
    def description(self) -> bytearray:
        """What Node Discovery says of it: addresses, name, parent, kind, status, profile, manufacturer."""
        names = bytes.fromhex(self.address16 + self.address64) + self.node_id.encode() + b"\0"
        return bytearray(names + bytes.fromhex("FFFE") + bytes([_ROUTER, 0]) + bytes.fromhex("C105101E"))


@dataclass(slots=True)
class SimulatedXBee:
    """A Zigbee radio in an API mode, as an async context manager; `port` is where programs open it.

    `link` is a symbolic link to the port, which stays the same over `pull` and `plug`.
    """

    nodes: list[SimulatedNode]
    api_mode: int = 1
    link: Path | None = None
    parameters: dict[str, bytes] = field(default_factory=dict)
    port: str = field(default="", init=False)
    mute: bool = field(default=False, init=False)
    """True: it answers nothing, like a radio without power behind a living USB bridge."""
    answered: int = field(default=0, init=False)
    """Commands that it has answered."""
    overruns: int = field(default=0, init=False)
    """Frames that found no room because nobody read the port."""
    _master: int | None = field(default=None, init=False)
    _slave: int | None = field(default=None, init=False)
    _reader: FrameReader = field(init=False)

    def __post_init__(self) -> None:
        self.parameters = {
            "AP": bytes([self.api_mode]),
            "NI": b"GATEWAY",
            "SH": bytes.fromhex(_COORDINATOR[:8]),
            "SL": bytes.fromhex(_COORDINATOR[8:]),
            "MY": bytes(2),
            "CE": b"\x01",
            "AI": b"\0",
            "AO": b"\0",
            "NT": b"\x3c",
            "NO": b"\0",
            "N?": (6000).to_bytes(2, "big"),
            "OP": bytes(8),
            "CH": b"\x0c",
            "DB": b"\x28",
            **_ZIGBEE_VERSIONS,
            **self.parameters,
        }
        self._reader = FrameReader(escaped=self._escaped)

    async def __aenter__(self) -> Self:
        self.plug()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.pull()

    @property
    def _escaped(self) -> bool:
        return self.api_mode == 2

    def plug(self) -> None:
        """Make the port, with nothing in it."""
        self.pull()
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.port = os.ttyname(self._slave)
        self._reader = FrameReader(escaped=self._escaped)
        if self.link is not None:
            self.link.unlink(missing_ok=True)
            self.link.symlink_to(self.port)
            self.port = str(self.link)
        asyncio.get_running_loop().add_reader(self._master, self._readable, self._master)

    def pull(self) -> None:
        """Pull the radio out: the port is gone, whoever has it open notices."""
        if self._master is None or self._slave is None:
            return
        asyncio.get_running_loop().remove_reader(self._master)
        if self.link is not None:
            self.link.unlink(missing_ok=True)
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = None

    def freeze(self) -> None:
        """Take nothing more from the port, like a radio that holds back by its flow control."""
        if self._master is not None:
            asyncio.get_running_loop().remove_reader(self._master)

    def node(self, name: str) -> SimulatedNode:
        """The remote radio of that node identifier."""
        return next(node for node in self.nodes if node.node_id == name)

    def data(self, name: str, payload: bytes) -> None:
        """A remote radio sends data."""
        node = self.node(name)
        if node.reachable:
            self.send(ReceivePacket(*node.addresses, _ACKNOWLEDGED, bytearray(payload)))

    def lines(self, name: str, digital: Mapping[int, bool], analog: Mapping[int, int]) -> None:
        """A remote radio sends an I/O sample of the given lines (analog 7: supply voltage)."""
        node = self.node(name)
        digital_mask = sum(1 << line for line in digital)
        body = bytearray([1]) + digital_mask.to_bytes(2, "big") + bytes([sum(1 << line for line in analog)])
        if digital:
            body += sum(1 << line for line, high in digital.items() if high).to_bytes(2, "big")
        for _, count in sorted(analog.items()):
            body += count.to_bytes(2, "big")
        if node.reachable:
            self.send(IODataSampleRxIndicatorPacket(*node.addresses, _ACKNOWLEDGED, body))

    def send(self, packet: XBeeAPIPacket) -> None:
        """Put a frame on the line."""
        self.raw(encode(packet, escaped=self._escaped))

    def raw(self, data: bytes) -> None:
        """Put bytes on the line, whatever they are. A line that nobody reads loses them."""
        if self._master is None:
            return
        try:
            os.write(self._master, data)
        except BlockingIOError:
            self.overruns += 1

    def _readable(self, master: int) -> None:
        data = b""
        with suppress(BlockingIOError):
            data = os.read(master, _CHUNK)
        for raw in self._reader.feed(data):
            packet: Any = build_frame(bytearray(raw), OperatingMode.API_MODE)
            if not self.mute:
                asyncio.get_running_loop().call_later(_ANSWER_S, self._answer, packet)

    def _answer(self, packet: Any) -> None:
        answers: dict[ApiFrameType, Callable[[Any], None]] = {
            ApiFrameType.AT_COMMAND: self._answer_local,
            ApiFrameType.AT_COMMAND_QUEUE: self._answer_local,
            ApiFrameType.REMOTE_AT_COMMAND_REQUEST: self._answer_remote,
        }
        answer = answers.get(packet.get_frame_type())
        if answer is not None:
            answer(packet)
            self.answered += 1

    def _answer_local(self, packet: Any) -> None:
        if packet.command == "ND":
            for node in self.nodes:
                if node.reachable:
                    self.send(ATCommResponsePacket(packet.frame_id, "ND", comm_value=node.description))
            return
        value = self.parameters.get(packet.command)
        if packet.parameter and packet.command not in _ZIGBEE_VERSIONS:
            self.parameters[packet.command] = bytes(packet.parameter)
            value = b""
        status = ATCommandStatus.OK if value is not None else ATCommandStatus.INVALID_COMMAND
        self.send(ATCommResponsePacket(packet.frame_id, packet.command, status, bytearray(value or b"") or None))

    def _answer_remote(self, packet: Any) -> None:
        address = packet.x64bit_dest_addr
        node = next((node for node in self.nodes if node.addresses[0] == address and node.reachable), None)
        status, value = ATCommandStatus.TX_FAILURE, None
        if node is not None:
            known = {"NI": node.node_id.encode(), "DB": bytes([-node.signal]), **_ZIGBEE_VERSIONS}
            value = known.get(packet.command)
            status = ATCommandStatus.OK if value is not None else ATCommandStatus.INVALID_COMMAND
        short = node.addresses[1] if node is not None else XBee16BitAddress.UNKNOWN_ADDRESS
        self.send(
            RemoteATCommandResponsePacket(
                packet.frame_id, address, short, packet.command, status, None if value is None else bytearray(value)
            )
        )
