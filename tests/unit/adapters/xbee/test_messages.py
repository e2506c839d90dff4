from __future__ import annotations

from contextlib import suppress

import pytest
from digi.xbee.models.address import XBee16BitAddress, XBee64BitAddress
from digi.xbee.models.status import ATCommandStatus, ModemStatus
from digi.xbee.packets.base import UnknownXBeePacket, XBeeAPIPacket
from digi.xbee.packets.common import (
    ATCommResponsePacket,
    ExplicitRXIndicatorPacket,
    IODataSampleRxIndicatorPacket,
    ModemStatusPacket,
    ReceivePacket,
    RemoteATCommandResponsePacket,
    TransmitStatusPacket,
)
from digi.xbee.packets.raw import RX16IOPacket, RX16Packet, RX64IOPacket, RX64Packet
from hypothesis import given
from hypothesis import strategies as st

from adapters.xbee.messages import (
    Data,
    LineSample,
    LocalAnswer,
    Message,
    ModemChanged,
    NodeFound,
    Radio,
    RemoteAnswer,
    message_of,
)
from ironstream.gateway.adapter import DeviceProtocolError

LONG = XBee64BitAddress.from_hex_string("0013A20041B2C3D4")
SHORT = XBee16BitAddress.from_hex_string("12AB")
RADIO = Radio("0013A20041B2C3D4", "12AB")
# one sample; digital lines 0 and 12; analog lines 1, 3 and the supply voltage
LINES = bytearray.fromhex("01 1001 8A 1000 0200 03FF 0B54")
FOUND = bytes.fromhex("12AB 0013A200 41B2C3D4") + b"WELL-12\0" + bytes.fromhex("FFFE 01 00 C105 101E")


def said(packet: XBeeAPIPacket) -> Message | None:
    return message_of(bytes(packet.output()))


@pytest.mark.parametrize(
    ("packet", "message"),
    [
        (ReceivePacket(LONG, SHORT, 1, bytearray(b"\x01\x02")), Data(RADIO, b"\x01\x02")),
        (ReceivePacket(LONG, SHORT, 1), Data(RADIO, b"")),
        (
            ReceivePacket(XBee64BitAddress.UNKNOWN_ADDRESS, SHORT, 1, bytearray(b"x")),
            Data(Radio(None, "12AB"), b"x"),
        ),
        (
            ReceivePacket(LONG, XBee16BitAddress.UNKNOWN_ADDRESS, 1, bytearray(b"x")),
            Data(Radio("0013A20041B2C3D4"), b"x"),
        ),
        (
            ExplicitRXIndicatorPacket(LONG, SHORT, 0xE8, 0xE8, 0x0011, 0xC105, 1, bytearray(b"\x01\x02")),
            Data(RADIO, b"\x01\x02"),
        ),
        (
            ExplicitRXIndicatorPacket(LONG, SHORT, 1, 1, 0x0402, 0x0104, 1, bytearray(b"zcl")),
            Data(RADIO, b"zcl"),
        ),
        (RX64Packet(LONG, 0x2A, 0, bytearray(b"y")), Data(Radio("0013A20041B2C3D4"), b"y", -42)),
        (RX16Packet(SHORT, 0x2A, 0, bytearray(b"y")), Data(Radio(None, "12AB"), b"y", -42)),
        (
            IODataSampleRxIndicatorPacket(LONG, SHORT, 1, LINES),
            LineSample(RADIO, {0: False, 12: True}, {1: 0x200, 3: 0x3FF, 7: 0xB54}),
        ),
        (
            ExplicitRXIndicatorPacket(LONG, SHORT, 0xE8, 0xE8, 0x0092, 0xC105, 1, LINES),
            LineSample(RADIO, {0: False, 12: True}, {1: 0x200, 3: 0x3FF, 7: 0xB54}),
        ),
        # 802.15.4: digital line 0, analog lines 0 and 1 in one mask
        (
            RX64IOPacket(LONG, 0x33, 0, bytearray.fromhex("01 0601 0001 0100 0200")),
            LineSample(Radio("0013A20041B2C3D4"), {0: True}, {0: 0x100, 1: 0x200}, -51),
        ),
        (
            RX16IOPacket(SHORT, 0x33, 0, bytearray.fromhex("01 0600 0100 0200")),
            LineSample(Radio(None, "12AB"), {}, {0: 0x100, 1: 0x200}, -51),
        ),
        (ATCommResponsePacket(1, "AP", comm_value=bytearray(b"\x02")), LocalAnswer("AP", True, b"\x02")),
        (ATCommResponsePacket(1, "ZZ", ATCommandStatus.INVALID_COMMAND), LocalAnswer("ZZ", False, b"")),
        (ATCommResponsePacket(1, "ND"), LocalAnswer("ND", True, b"")),
        (ATCommResponsePacket(1, "ND", comm_value=bytearray(FOUND)), NodeFound(RADIO, "WELL-12")),
        (
            RemoteATCommandResponsePacket(1, LONG, SHORT, "DB", ATCommandStatus.OK, bytearray(b"\x28")),
            RemoteAnswer(RADIO, "DB", True, b"\x28"),
        ),
        (
            RemoteATCommandResponsePacket(1, LONG, SHORT, "NI", ATCommandStatus.TX_FAILURE),
            RemoteAnswer(RADIO, "NI", False, b""),
        ),
        (ModemStatusPacket(ModemStatus.HARDWARE_RESET), ModemChanged(0, "Device was reset")),
        # the frame that a radio sends when its button is pressed: sender, its addresses and name, and so on
        (
            UnknownXBeePacket(0x95, bytes.fromhex("0013A20041B2C3D4 12AB 02") + FOUND),
            NodeFound(RADIO, "WELL-12"),
        ),
    ],
)
def test_a_frame_made_by_the_library_says_what_was_put_into_it(packet: XBeeAPIPacket, message: Message) -> None:
    assert said(packet) == message


@pytest.mark.parametrize(
    "packet",
    [
        TransmitStatusPacket(1, SHORT, 0),
        UnknownXBeePacket(0x77, b"anything"),
        # the management of the network itself is no data of a machine
        ExplicitRXIndicatorPacket(LONG, SHORT, 0, 0, 0x8031, 0x0000, 1, bytearray(b"neighbours")),
    ],
)
def test_a_frame_of_no_use_says_nothing(packet: XBeeAPIPacket) -> None:
    assert said(packet) is None


def test_a_radio_of_802_15_4_puts_its_signal_strength_before_its_name() -> None:
    value = bytearray(bytes.fromhex("12AB 0013A200 41B2C3D4 31") + b"TANK\0")
    assert said(ATCommResponsePacket(1, "ND", comm_value=value)) == NodeFound(RADIO, "TANK", -0x31)


@pytest.mark.parametrize("value", [b"\x00", FOUND[:10], FOUND[:14], FOUND[:10] + b"\0"])
def test_a_discovery_without_a_name_is_told_and_not_guessed(value: bytes) -> None:
    with pytest.raises(DeviceProtocolError, match="0x88"):
        said(ATCommResponsePacket(1, "ND", comm_value=bytearray(value)))


@given(kind=st.integers(0, 255), body=st.binary(max_size=60))
def test_whatever_a_whole_frame_holds_the_only_error_is_the_typed_one(kind: int, body: bytes) -> None:
    raw = bytes(UnknownXBeePacket(kind, body).output())
    with suppress(DeviceProtocolError):
        message_of(raw)


@given(
    body=st.binary(max_size=60),
    kind=st.sampled_from([0x80, 0x81, 0x82, 0x83, 0x88, 0x8A, 0x90, 0x91, 0x92, 0x95, 0x97]),
)
def test_the_frames_that_are_used_may_hold_anything_as_well(body: bytes, kind: int) -> None:
    raw = bytes(UnknownXBeePacket(kind, body).output())
    with suppress(DeviceProtocolError):
        message = message_of(raw)
        if isinstance(message, Data | LineSample | NodeFound):
            assert message.rssi is None or -255 <= message.rssi <= 0


@given(raw=st.binary(max_size=12))
def test_what_is_no_frame_at_all_is_the_typed_error_too(raw: bytes) -> None:
    with suppress(DeviceProtocolError):
        message_of(raw)
