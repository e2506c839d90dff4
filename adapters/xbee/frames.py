"""API frames out of a stream of bytes. Pure; whether a frame is one is said by Digi's library."""

from __future__ import annotations

from typing import Final

from digi.xbee.exception import InvalidPacketException
from digi.xbee.models.mode import OperatingMode
from digi.xbee.packets.base import UnknownXBeePacket, XBeeAPIPacket, XBeePacket

_START: Final = 0x7E
_AROUND: Final = 4
"""Bytes of a frame beside its data: start, length (2), checksum."""
MAX_DATA: Final = 1600
"""Longest data of a frame that any radio sends; a longer one is noise that looks like a beginning."""


class FrameReader:
    """Finds the frames in what comes in, in pieces of any size.

    Whatever cannot be a frame is skipped up to the next byte that may begin one, so a good frame is read whatever came
    before it. With escapes that is certain, as no other byte looks like a beginning. Without them noise may look like
    the beginning of a long frame: `expire` gives that up and reads again what it would have swallowed.
    """

    def __init__(self, *, escaped: bool) -> None:
        self._escaped = escaped
        self._buffer = bytearray()
        self.damaged = 0
        """Frames that were begun and were none in the end (length, checksum)."""

    @property
    def waiting(self) -> bool:
        """Whether a frame has begun and is not whole yet."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """The frames that are whole now that `data` has come: from start to checksum, without escapes."""
        self._buffer += data
        frames: list[bytes] = []
        while (frame := self._next()) is not None:
            if frame:
                frames.append(frame)
        return frames

    def expire(self) -> list[bytes]:
        """Give up the frame that is waited for (the line is silent); the frames that it hid."""
        frames: list[bytes] = []
        while self._buffer:
            self.damaged += 1
            del self._buffer[:1]
            frames += self.feed(b"")
        return frames

    def _next(self) -> bytes | None:
        """The next frame; empty when something was skipped instead; None when more bytes must come."""
        start = self._buffer.find(_START)
        del self._buffer[: start if start >= 0 else len(self._buffer)]
        if not self._buffer:
            return None
        end = self._buffer.find(_START, 1) if self._escaped else -1
        segment = bytes(self._buffer if end < 0 else self._buffer[:end])
        whole = bytes(XBeePacket.unescape_data(segment)) if self._escaped else segment
        size = int.from_bytes(whole[1:3], "big") + _AROUND if len(whole) >= 3 else None
        if size is not None and _AROUND < size <= MAX_DATA + _AROUND:
            if len(whole) < size:
                return None if end < 0 else self._skip(end)
            if _is_frame(whole[:size]):
                # with escapes nothing up to the next beginning can be of use
                del self._buffer[: size if not self._escaped else len(segment)]
                return whole[:size]
            return self._skip(1)
        if size is None and end < 0:
            return None
        return self._skip(1)

    def _skip(self, count: int) -> bytes:
        self.damaged += 1
        del self._buffer[:count]
        return b""


def encode(packet: XBeeAPIPacket, *, escaped: bool) -> bytes:
    """The bytes of a packet on the line."""
    return bytes(packet.output(escaped=escaped))


def _is_frame(raw: bytes) -> bool:
    try:
        # checks length and checksum of any frame, whatever its type
        UnknownXBeePacket.create_packet(bytearray(raw), OperatingMode.API_MODE)
    except InvalidPacketException:
        return False
    return True
