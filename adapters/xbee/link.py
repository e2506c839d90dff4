"""The serial port: bytes in, whole frames out, in the event loop. Only I/O; no thread is ever started."""

from __future__ import annotations

import asyncio
import os
import termios
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from digi.xbee.packets.base import XBeeAPIPacket
from serial import Serial, SerialException

from adapters.xbee.config import XBeeConfig
from adapters.xbee.frames import FrameReader, encode
from adapters.xbee.network import Arrived
from ironstream.gateway.adapter import DeviceConnectionError

_PORT_ERRORS: Final = (SerialException, OSError, termios.error)
"""What pyserial lets through beside its own error: a pulled port is told by termios too, which is no OSError."""
_CHUNK: Final = 4096
_FRAME_GAP_S: Final = 0.5
"""The radio sends the bytes of a frame without a pause; after one as long as this the rest does not come any more."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame, from start to checksum without escapes, and when it was whole."""

    raw: bytes
    arrived: Arrived


class SerialLink:
    """A radio on a serial port. Frames wait in a bounded queue; the oldest are dropped and counted when it is full.

    `wall_us` gives the gateway's time (µs since the epoch), `monotonic_s` a time that never jumps.
    """

    def __init__(
        self,
        config: XBeeConfig,
        *,
        wall_us: Callable[[], int] = lambda: time.time_ns() // 1000,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._wall_us = wall_us
        self._monotonic_s = monotonic_s
        self._serial: Serial | None = None
        self._reader = FrameReader(escaped=self._escaped)
        self._frames: deque[Frame] = deque()
        self._some = asyncio.Event()
        self._expiry: asyncio.TimerHandle | None = None
        self._failure: DeviceConnectionError | None = None
        self.dropped_so_far = 0
        self._damaged_told = 0

    @property
    def _escaped(self) -> bool:
        return self._config.api_mode == 2

    def now(self) -> Arrived:
        """The time by both clocks."""
        return Arrived(self._wall_us(), self._monotonic_s())

    def open(self) -> None:
        """Open the port, closing it before; what was not fetched is forgotten. Raises DeviceConnectionError."""
        self.close()
        config = self._config
        port = Serial(exclusive=True, timeout=0, write_timeout=0)
        try:
            port.port = config.xbee_port
            port.baudrate = config.baud_rate
            port.rtscts = config.flow_control == "rts_cts"
            port.open()
        # a speed that the port does not have is a ValueError
        except (*_PORT_ERRORS, ValueError) as error:
            port.close()
            raise DeviceConnectionError(
                f"{config.xbee_port} cannot be opened: {_reason(error)}",
                "check that the radio is plugged in, that no other program has the port, and the rights of this user",
            ) from error
        self._serial = port
        asyncio.get_running_loop().add_reader(port.fileno(), self._readable)

    def close(self) -> None:
        """Close the port and forget what was not fetched; may be repeated, raises nothing."""
        self._let_go()
        self._reader = FrameReader(escaped=self._escaped)
        self._frames.clear()
        self._some.clear()
        self._failure = None
        self.dropped_so_far = self._damaged_told = 0

    def send(self, packet: XBeeAPIPacket) -> None:
        """Hand a packet to the port. Raises DeviceConnectionError."""
        if self._failure is not None:
            raise self._failure
        if self._serial is None:
            raise DeviceConnectionError(f"{self._config.xbee_port} is closed", "it is opened again by itself")
        data = encode(packet, escaped=self._escaped)
        try:
            sent = os.write(self._serial.fileno(), data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._fail(_reason(error))
            sent = len(data)
        if sent < len(data):
            self._fail("it takes no more bytes")
        if self._failure is not None:
            raise self._failure

    async def wait(self, timeout_s: float) -> None:
        """Wait until a frame has come or the port has failed, at most `timeout_s`. Nothing is lost by cancelling it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, timeout_s)):
                await self._some.wait()

    def fetch(self) -> list[Frame]:
        """The frames that have come, in order."""
        frames = list(self._frames)
        self._frames.clear()
        if self._failure is None:
            self._some.clear()
        return frames

    @property
    def failure(self) -> DeviceConnectionError | None:
        """Why the port is gone, if it is."""
        return self._failure

    def dropped(self) -> int:
        """Frames that were dropped since this was last asked, because nobody fetched them."""
        dropped, self.dropped_so_far = self.dropped_so_far, 0
        return dropped

    def damaged(self) -> int:
        """Frames that came damaged since this was last asked."""
        damaged, self._damaged_told = self._reader.damaged - self._damaged_told, self._reader.damaged
        return damaged

    def _readable(self) -> None:
        if self._serial is None:
            return
        try:
            data = os.read(self._serial.fileno(), _CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(_reason(error))
            return
        if not data:
            self._fail("it was unplugged")
            return
        self._queue(self._reader.feed(data))
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if self._reader.waiting:
            self._expiry = asyncio.get_running_loop().call_later(_FRAME_GAP_S, self._expire)

    def _expire(self) -> None:
        self._expiry = None
        self._queue(self._reader.expire())

    def _queue(self, raws: list[bytes]) -> None:
        if not raws:
            return
        arrived = self.now()
        self._frames += [Frame(raw, arrived) for raw in raws]
        while len(self._frames) > self._config.queue_frames:
            self._frames.popleft()
            self.dropped_so_far += 1
        self._some.set()

    def _fail(self, why: str) -> None:
        # what came before the failure stays to be fetched
        self._let_go()
        self._failure = DeviceConnectionError(
            f"{self._config.xbee_port} is gone: {why}", "plug the radio in again; it is opened by itself"
        )
        self._some.set()

    def _let_go(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None
        if self._serial is None:
            return
        serial, self._serial = self._serial, None
        asyncio.get_running_loop().remove_reader(serial.fileno())
        with suppress(*_PORT_ERRORS):
            # a port that is pulled or held back would wait for its last bytes to leave
            serial.reset_output_buffer()
        with suppress(*_PORT_ERRORS):
            serial.close()


def _reason(error: Exception) -> str:
    """What the system says, without the port, which the message names already."""
    number = error.errno if isinstance(error, OSError) else error.args[0] if error.args else None
    return os.strerror(number) if isinstance(number, int) else str(error)
