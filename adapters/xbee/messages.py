"""What a frame says: data, I/O samples, who a radio is, answers to commands. Pure; decoded by Digi's library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from digi.xbee.exception import XBeeException
from digi.xbee.io import IOSample, IOValue
from digi.xbee.models.address import XBee16BitAddress, XBee64BitAddress
from digi.xbee.models.mode import OperatingMode
from digi.xbee.models.options import RemoteATCmdOptions
from digi.xbee.packets.aft import ApiFrameType
from digi.xbee.packets.base import XBeeAPIPacket
from digi.xbee.packets.common import ATCommPacket, RemoteATCommandPacket
from digi.xbee.packets.factory import build_frame

from adapters.xbee.tag import SUPPLY_LINE
from ironstream.gateway.adapter import DeviceProtocolError

NODE_IDENTIFICATION: Final = 0x95
_DIGI_PROFILE: Final = 0xC105
_IO_CLUSTER: Final = 0x92
_IDENTIFICATION_CLUSTER: Final = 0x95
_DEVICE_PROFILE: Final = 0
_UNKNOWN_64: Final = "F" * 16
_UNKNOWN_16: Final = ("FFFE", "FFFF")
_DISCOVERY: Final = "ND"
_OK: Final = 0


@dataclass(frozen=True, slots=True)
class Radio:
    """Who sent a frame: 64-bit and 16-bit address in upper-case hexadecimal, each None where it is not told."""

    address64: str | None
    address16: str | None = None

    def __str__(self) -> str:
        return self.address64 or f"16-bit address {self.address16}"


@dataclass(frozen=True, slots=True)
class Data:
    """Payload that a radio sent; `rssi` in dBm where the frame carries it."""

    radio: Radio
    payload: bytes
    rssi: int | None = None


@dataclass(frozen=True, slots=True)
class LineSample:
    """Lines of a radio, by number: digital as they are, analog as raw counts (7: supply voltage)."""

    radio: Radio
    digital: Mapping[int, bool]
    analog: Mapping[int, int]
    rssi: int | None = None


@dataclass(frozen=True, slots=True)
class NodeFound:
    """A radio named itself."""

    radio: Radio
    node_id: str
    rssi: int | None = None


@dataclass(frozen=True, slots=True)
class LocalAnswer:
    """The local radio answered an AT command."""

    command: str
    ok: bool
    value: bytes


@dataclass(frozen=True, slots=True)
class RemoteAnswer:
    """A remote radio answered an AT command; not `ok`: it could not be reached, or refused."""

    radio: Radio
    command: str
    ok: bool
    value: bytes


@dataclass(frozen=True, slots=True)
class ModemChanged:
    """The local radio says that its own state changed; `code` as Digi numbers them, 0 and 1 are resets."""

    code: int
    text: str


Message = Data | LineSample | NodeFound | LocalAnswer | RemoteAnswer | ModemChanged


def message_of(raw: bytes) -> Message | None:
    """What a whole frame says, None for frames that are of no use here. Raises DeviceProtocolError."""
    try:
        return _message(raw)
    # the library checks some lengths only by reaching past the end, and text by decoding it
    except (XBeeException, ValueError, IndexError) as error:
        kind = f"{raw[3]:#04x}" if len(raw) > 3 else "none"
        raise DeviceProtocolError(
            f"a frame of type {kind} is not as Digi describes it: {error}", "check the firmware of the radios"
        ) from error


def local_command(frame_id: int, command: str, value: bytes = b"") -> XBeeAPIPacket:
    """An AT command to the local radio."""
    return ATCommPacket(frame_id, command, parameter=bytearray(value) or None)


def remote_command(frame_id: int, address64: str, command: str) -> XBeeAPIPacket:
    """An AT command to a remote radio, that asks for a value and changes nothing."""
    return RemoteATCommandPacket(
        frame_id,
        XBee64BitAddress.from_hex_string(address64),
        XBee16BitAddress.UNKNOWN_ADDRESS,
        RemoteATCmdOptions.NONE.value,
        command,
    )


def _message(raw: bytes) -> Message | None:
    packet: Any = build_frame(bytearray(raw), OperatingMode.API_MODE)
    match packet.get_frame_type():
        case ApiFrameType.RECEIVE_PACKET:
            return Data(_radio(packet), bytes(packet.rf_data or b""))
        case ApiFrameType.EXPLICIT_RX_INDICATOR:
            return _explicit(packet)
        case ApiFrameType.IO_DATA_SAMPLE_RX_INDICATOR:
            return _lines(_radio(packet), packet.io_sample)
        case ApiFrameType.RX_64 | ApiFrameType.RX_16:
            return Data(_short_radio(packet), bytes(packet.rf_data or b""), -packet.rssi)
        case ApiFrameType.RX_IO_64 | ApiFrameType.RX_IO_16:
            return _lines(_short_radio(packet), packet.io_sample, -packet.rssi)
        case ApiFrameType.AT_COMMAND_RESPONSE:
            value = bytes(packet.command_value or b"")
            if packet.command == _DISCOVERY and value:
                return found_of(value)
            return LocalAnswer(packet.command, packet.real_status == _OK, value)
        case ApiFrameType.REMOTE_AT_COMMAND_RESPONSE:
            value = bytes(packet.command_value or b"")
            return RemoteAnswer(_radio(packet), packet.command, packet.real_status == _OK, value)
        case ApiFrameType.MODEM_STATUS:
            status = packet.modem_status
            return ModemChanged(raw[4], status.description if status is not None else f"status {raw[4]:#04x}")
        case ApiFrameType.UNKNOWN if raw[3] == NODE_IDENTIFICATION:
            return identified_of(raw[15:-1])
    return None


def found_of(value: bytes) -> NodeFound:
    """The answer to Node Discovery: 16-bit and 64-bit address, node identifier, and what the firmware adds.

    Radios of 802.15.4 put their signal strength before the identifier and nothing after it; all others put at least
    eight bytes after it. Raises ValueError.
    """
    name, end, rest = value[10:].partition(b"\0")
    if not end or len(value) < 11:
        raise ValueError(f"Node Discovery answered {len(value)} bytes without a name")
    rssi = None
    if len(rest) < 8:
        if not name:
            raise ValueError("Node Discovery answered neither a name nor a signal strength")
        rssi, name = -name[0], name[1:]
    return NodeFound(Radio(_known64(value[2:10]), _known16(value[:2])), name.decode("utf-8", "replace"), rssi)


def identified_of(body: bytes) -> NodeFound:
    """Node Identification: the radio that names itself, from its 16-bit address on. Raises ValueError."""
    name, end, _ = body[10:].partition(b"\0")
    if not end:
        raise ValueError(f"a Node Identification of {len(body)} bytes has no name")
    return NodeFound(Radio(_known64(body[2:10]), _known16(body[:2])), name.decode("utf-8", "replace"))


def _explicit(packet: Any) -> Message | None:
    radio, payload = _radio(packet), bytes(packet.rf_data or b"")
    if packet.profile_id == _DEVICE_PROFILE:
        return None
    if packet.profile_id == _DIGI_PROFILE and packet.cluster_id == _IO_CLUSTER:
        return _lines(radio, IOSample(bytearray(payload)))
    if packet.profile_id == _DIGI_PROFILE and packet.cluster_id == _IDENTIFICATION_CLUSTER:
        return identified_of(payload)
    return Data(radio, payload)


def _lines(radio: Radio, sample: Any, rssi: int | None = None) -> Message | None:
    if sample is None:
        return None
    analog = {line.index: int(value) for line, value in sample.analog_values.items()}
    if sample.has_power_supply_value() and sample.power_supply_value is not None:
        analog[SUPPLY_LINE] = int(sample.power_supply_value)
    digital = {line.index: value is IOValue.HIGH for line, value in sample.digital_values.items()}
    return LineSample(radio, digital, analog, rssi)


def _radio(packet: Any) -> Radio:
    return Radio(_known64(packet.x64bit_source_addr.address), _known16(packet.x16bit_source_addr.address))


def _short_radio(packet: Any) -> Radio:
    """The sender of a frame that has one of the two addresses."""
    if packet.get_frame_type() in (ApiFrameType.RX_64, ApiFrameType.RX_IO_64):
        return Radio(_known64(packet.x64bit_source_addr.address))
    return Radio(None, _known16(packet.x16bit_source_addr.address))


def _known64(address: bytes) -> str | None:
    text = bytes(address).hex().upper()
    return None if text == _UNKNOWN_64 else text


def _known16(address: bytes) -> str | None:
    text = bytes(address).hex().upper()
    return None if text in _UNKNOWN_16 else text
