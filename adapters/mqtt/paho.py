"""paho's client with the one thing changed that we need: it confirms a message when it is told to."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from typing import Final

import paho.mqtt.client as mqtt
from paho.mqtt.client import PUBACK
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

PRIVATE_HOOKS: Final = (
    "_handle_publish",
    "_in_messages",
    "_packet_queue",
    "_send_puback",
    "_send_pubrec",
    "_sock_recv",
)
"""What of paho's inside is used here; a test names them, so that an upgrade cannot move one unseen."""


_PUBACK: Final = struct.Struct(">BBH")
_CHUNK_BYTES: Final = 65_536


class HoldingClient(mqtt.Client):
    """Gives every message to `on_publication` when it comes, and confirms it only by `confirm`.

    paho's own manual acknowledgement cannot do this for QoS 2: it answers PUBREC, with which the broker may forget the
    payload, before it shows the message to anyone. It also reads and confirms many messages by one call of the system,
    where paho takes four to read one and another to confirm it.
    """

    def __init__(
        self,
        client_id: str,
        protocol: MQTTProtocolVersion,
        transport: str,
        clean_session: bool | None,
        on_publication: Callable[[mqtt.MQTTMessage], None],
        on_release: Callable[[int], None],
    ) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=clean_session,
            protocol=protocol,
            transport="websockets" if transport == "websockets" else "tcp",
            reconnect_on_failure=False,
        )
        self._on_publication = on_publication
        self._on_release = on_release
        self._recorded: list[int] = []
        # a websocket gives the bytes of one frame at a time, whatever is asked for
        self._chunk_bytes = 0 if transport == "websockets" else _CHUNK_BYTES
        self._received = b""
        self._used = 0
        self.on_message = self._shown

    @property
    def has_received(self) -> bool:
        """Whether there is something to read that no event loop would tell of."""
        return self._used < len(self._received) or getattr(self.socket(), "pending", _none)() > 0

    def confirm(self, messages: Iterable[tuple[int, int]]) -> None:
        """Tell the broker that messages, by id and QoS, are ours now: PUBACK, or PUBREC for QoS 2."""
        acknowledgements = bytearray()
        for mid, qos in messages:
            if qos == 1:
                acknowledgements += _PUBACK.pack(PUBACK, 2, mid)
            else:
                super()._send_pubrec(mid)
        if acknowledgements:
            # paho looks at no more of a packet than at its first byte
            self._packet_queue(PUBACK, acknowledgements, 0, 1)

    def _sock_recv(self, bufsize: int) -> bytes:
        start = self._used
        if start >= len(self._received):
            start, self._received = 0, super()._sock_recv(max(bufsize, self._chunk_bytes))
        self._used = start + bufsize
        return self._received[start : self._used]

    def _shown(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        # QoS 2 is shown by paho when the broker releases it; we have had it since it came
        if message.qos == 2:
            self._on_release(message.mid)
        else:
            self._on_publication(message)

    def _handle_publish(self) -> MQTTErrorCode:
        code = super()._handle_publish()
        while self._recorded:
            self._on_publication(self._in_messages[self._recorded.pop()])
        return code

    def _send_puback(self, mid: int) -> MQTTErrorCode:
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _send_pubrec(self, mid: int) -> MQTTErrorCode:
        self._recorded.append(mid)
        return MQTTErrorCode.MQTT_ERR_SUCCESS


def _none() -> int:
    return 0
