"""pymodbus' framers, made strict: what is no answer to the pending request never becomes one.

pymodbus 3.16 compares the unit of an RTU frame, not its function or length, and gives up the whole buffer when one
frame in it is broken; and what its decoders cannot read leaves the socket's callback as an exception.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pymodbus.exceptions import ModbusException
from pymodbus.framer.rtu import FramerRTU
from pymodbus.framer.socket import FramerSocket
from pymodbus.pdu import DecodePDU, ModbusPDU
from pymodbus.pdu.mei_message import ReadDeviceInformationResponse

MAX_PENDING_BYTES: Final = 4096
"""Bytes kept while an answer is looked for; noise beyond that is thrown away."""
IDENTIFICATION: Final = 0x2B
_READ_IDENTIFICATION: Final = 0x0E
_EXCEPTION: Final = 0x80
_EXCEPTION_SIZE: Final = 5
# what pymodbus gives for the size of an identification that has not come whole
_INCOMPLETE: Final = 998


class Answer(ModbusPDU):
    """Registers or bits as they came, undecoded: the plan knows what they mean."""

    rtu_byte_count_pos = 2

    def __init__(self) -> None:
        super().__init__()
        self.byte_count = 0
        self.payload = b""

    def decode(self, data: bytes) -> None:
        """Take the bytes; whether there are as many as the frame says is for the client to compare."""
        self.byte_count, self.payload = data[0], data[1:]


class CoilsAnswer(Answer):
    """Answer to function 1."""

    function_code = 1


class DiscreteInputsAnswer(Answer):
    """Answer to function 2."""

    function_code = 2


class HoldingRegistersAnswer(Answer):
    """Answer to function 3."""

    function_code = 3


class InputRegistersAnswer(Answer):
    """Answer to function 4."""

    function_code = 4


ANSWERS: Final = (CoilsAnswer, DiscreteInputsAnswer, HoldingRegistersAnswer, InputRegistersAnswer)


@dataclass(frozen=True, slots=True)
class Expected:
    """What the pending request may be answered with; `byte_count` None: it is known from the answer only."""

    unit_id: int
    function: int
    byte_count: int | None


class SocketFramer(FramerSocket):
    """Modbus TCP frames; one that cannot be decoded becomes a PDU without function, which the client refuses."""

    def handleFrame(self, data: bytes, exp_devid: int, exp_tid: int) -> tuple[int, ModbusPDU | None]:
        """Bytes used and the PDU in them, as pymodbus asks for it."""
        try:
            return super().handleFrame(data, exp_devid, exp_tid)
        except ModbusException:
            return len(data), ModbusPDU(dev_id=exp_devid, transaction_id=exp_tid)


class RtuFramer(FramerRTU):
    """RTU frames: passes on the answer to `expected` and nothing else, wherever it stands among noise."""

    def __init__(self, decoder: DecodePDU) -> None:
        super().__init__(decoder)
        self.expected: Expected | None = None

    def decode(self, data: bytes) -> tuple[int, int, int, bytes]:
        """Bytes used, unit, no transaction id, and the PDU of the answer; nothing is used until it is there."""
        pdu = None if self.expected is None else find_answer(data, self.expected)
        if self.expected is None or pdu is None:
            return 0, 0, 0, self.EMPTY
        return len(data), self.expected.unit_id, 0, pdu

    def handleFrame(self, data: bytes, exp_devid: int, exp_tid: int) -> tuple[int, ModbusPDU | None]:
        """Bytes used and the PDU in them, as pymodbus asks for it."""
        try:
            return super().handleFrame(data, exp_devid, exp_tid)
        except ModbusException:
            return len(data), ModbusPDU(dev_id=exp_devid)


def find_answer(data: bytes, expected: Expected) -> bytes | None:
    """The PDU of the answer to `expected` among the bytes of the line; None while it is not there.

    It begins with the right unit, function and length (or is the exception to that function) and its checksum holds;
    what stands before it is noise, the echo of the request or a frame of somebody else.
    """
    at = data.find(expected.unit_id)
    while at >= 0:
        size = _size(data[at:], expected)
        if size is None or at + size > len(data):
            # the rest may be under way; what looks like a frame further on may be a part of this one
            return None
        end = at + size
        if size and FramerRTU.check_CRC(data[at : end - 2], int.from_bytes(data[end - 2 : end], "big")):
            return data[at + 1 : end - 2]
        at = data.find(expected.unit_id, at + 1)
    return None


def _size(frame: bytes, expected: Expected) -> int | None:
    """Size of the frame if it begins as the answer does, 0 if it does not, None if that cannot be told yet."""
    if len(frame) < 2:
        return None
    if frame[1] == expected.function | _EXCEPTION:
        return _EXCEPTION_SIZE
    if frame[1] != expected.function:
        return 0
    if len(frame) < 3:
        return None
    if expected.byte_count is not None:
        return expected.byte_count + 5 if frame[2] == expected.byte_count else 0
    if frame[2] != _READ_IDENTIFICATION:
        return 0
    size = ReadDeviceInformationResponse.calculateRtuFrameSize(frame)
    return None if size >= _INCOMPLETE else size
