"""paho's client with the one thing changed that we need: it confirms a message when it is told to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion

PRIVATE_HOOKS: Final = ("_handle_publish", "_in_messages", "_send_puback", "_send_pubrec")
"""What of paho's inside is used here; a test names them, so that an upgrade cannot move one unseen."""


class HoldingClient(mqtt.Client):
    """Gives every message to `on_publication` when it comes, and confirms it only by `confirm`.

    paho's own manual acknowledgement cannot do this for QoS 2: it answers PUBREC, with which the broker may forget the
    payload, before it shows the message to anyone.
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
        self.on_message = self._shown

    def confirm(self, mid: int, qos: int) -> None:
        """Tell the broker that the message is ours now: PUBACK, or PUBREC for QoS 2."""
        if qos == 1:
            super()._send_puback(mid)
        else:
            super()._send_pubrec(mid)

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
