"""paho's socket in our event loop: reading, writing and keeping alive."""

from __future__ import annotations

import asyncio
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from paho.mqtt import MQTTException
from paho.mqtt.enums import MQTTErrorCode

from adapters.mqtt.paho import HoldingClient

_MISC_S: Final = 1.0
_PACKETS_AT_ONCE: Final = 256
"""Then everybody else has a turn."""
_NOT_MQTT: Final = (OSError, MQTTException, ValueError, LookupError, TypeError, AttributeError, struct.error)
"""What paho's parser raises on bytes that are not MQTT."""


class Pump:
    """Moves the bytes of one client until `stop`; `broken` is called once when that cannot go on.

    paho opens its socket in a thread, because that may block; all else happens in the loop that made the pump.
    """

    def __init__(self, client: HoldingClient, broken: Callable[[], None]) -> None:
        self._client = client
        self._broken = broken
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._ticking: asyncio.Task[None] | None = None
        self._reading = False
        self._stopped = False
        client.on_socket_open = self._socket_opened
        client.on_socket_close = self._socket_closed
        client.on_socket_register_write = self._write_wanted
        client.on_socket_unregister_write = self._write_done

    def stop(self) -> None:
        """Let go of the socket, also of one that is still to be opened."""
        self._stopped = True
        if self._ticking is not None:
            self._ticking.cancel()
        sock = self._client.socket()
        if sock is not None:
            self._unwatch(sock)
            with suppress(OSError):
                sock.close()

    def pause(self) -> None:
        """Read nothing: what the broker sends waits in the network."""
        sock = self._client.socket()
        if self._reading and sock is not None and sock.fileno() >= 0:
            self._loop.remove_reader(sock.fileno())
            self._reading = False

    def resume(self) -> None:
        """Read again, if paused."""
        sock = self._client.socket()
        if not self._reading and not self._stopped and sock is not None and sock.fileno() >= 0:
            self._loop.add_reader(sock.fileno(), self._readable)
            self._reading = True
            # what TLS has decrypted already wakes no event loop
            self._loop.call_soon(self._readable)

    def _socket_opened(self, _c: object, _d: object, sock: Any) -> None:
        self._loop.call_soon_threadsafe(self._watch, sock)

    def _watch(self, sock: Any) -> None:
        if self._stopped or sock.fileno() < 0:
            with suppress(OSError):
                sock.close()
            return
        self._loop.add_reader(sock.fileno(), self._readable)
        self._reading = True
        self._ticking = asyncio.create_task(self._tick(), name="MQTT keepalive")

    def _unwatch(self, sock: Any) -> None:
        if sock.fileno() >= 0:
            self._loop.remove_reader(sock.fileno())
            self._loop.remove_writer(sock.fileno())
        self._reading = False

    def _socket_closed(self, _c: object, _d: object, sock: Any) -> None:
        if threading.get_ident() == self._thread:
            self._unwatch(sock)

    def _write_wanted(self, _c: object, _d: object, sock: Any) -> None:
        if threading.get_ident() == self._thread:
            self._watch_write(sock)
        else:
            self._loop.call_soon_threadsafe(self._watch_write, sock)

    def _watch_write(self, sock: Any) -> None:
        if not self._stopped and sock.fileno() >= 0:
            self._loop.add_writer(sock.fileno(), self._writable)

    def _write_done(self, _c: object, _d: object, sock: Any) -> None:
        if threading.get_ident() == self._thread and sock.fileno() >= 0:
            self._loop.remove_writer(sock.fileno())

    def _readable(self) -> None:
        try:
            for _ in range(_PACKETS_AT_ONCE):
                if not self._reading:
                    return
                self._client.loop_read()
                if not self._client.has_received:
                    return
        except _NOT_MQTT:
            self._break()
        else:
            self._loop.call_soon(self._readable)

    def _writable(self) -> None:
        try:
            self._client.loop_write()
        except _NOT_MQTT:
            self._break()

    def _break(self) -> None:
        self.stop()
        self._broken()

    async def _tick(self) -> None:
        while self._client.loop_misc() == MQTTErrorCode.MQTT_ERR_SUCCESS:  # noqa: ASYNC110  paho has its own clock
            await asyncio.sleep(_MISC_S)
