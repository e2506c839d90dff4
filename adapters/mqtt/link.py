"""One connection to a broker, from CONNECT to its end. Only I/O."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import paho.mqtt.client as mqtt
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from adapters.mqtt.connection import ConnectionConfig
from adapters.mqtt.errors import lost, refused, silent, unreachable, unreadable_certificates
from adapters.mqtt.inbox import Arrival, Inbox, InFlight
from adapters.mqtt.paho import HoldingClient
from adapters.mqtt.pump import Pump
from ironstream.gateway.adapter import AdapterError

_FAREWELL_S: Final = 2.0
_FILTERS_PER_REQUEST: Final = 100


@dataclass(frozen=True, slots=True)
class Subscription:
    """What is asked of the broker; `retained` False: no retained messages, where it knows how to leave them out."""

    filter: str
    qos: int
    retained: bool = True


@dataclass(frozen=True, slots=True)
class Publication:
    """What is told to the broker."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False


class Link:
    """One connection; never reused. `wake` is called when a message came or the connection ended."""

    def __init__(
        self,
        config: ConnectionConfig,
        inbox: Inbox,
        wake: Callable[[], None],
        *,
        keep_session: bool,
        will: Publication | None = None,
        wall_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._config = config
        self._inbox = inbox
        self._wake = wake
        self._wall_us = wall_us
        self._keep_session = keep_session
        self._loop = asyncio.get_running_loop()
        self._connack: asyncio.Future[None] = self._loop.create_future()
        self._answers: dict[int, asyncio.Future[list[ReasonCode]]] = {}
        self._published: dict[int, asyncio.Event] = {}
        self._ended = asyncio.Event()
        self._subscribed_all = False
        """Until then what a full inbox holds back could be the answer that is waited for."""
        self.error: AdapterError | None = None
        """Why the connection ended."""
        is_5 = config.version == "5"
        self._client = HoldingClient(
            config.client_id,
            MQTTProtocolVersion.MQTTv5 if is_5 else MQTTProtocolVersion.MQTTv311,
            config.transport,
            None if is_5 else not keep_session,
            self._arrived,
            inbox.released,
        )
        self._client.connect_timeout = config.timeout_s
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._disconnected
        self._client.on_subscribe = self._subscribed
        self._client.on_publish = self._was_published
        self._pump = Pump(self._client, lambda: self._fail(lost(config)))
        if config.username is not None:
            self._client.username_pw_set(config.username, config.password)
        if config.transport == "websockets":
            self._client.ws_set_options(config.websocket_path)
        if will is not None:
            self._client.will_set(will.topic, will.payload, will.qos, will.retain)

    async def open(self) -> None:
        """Connect. Raises AdapterError."""
        opening = self._loop.run_in_executor(None, self._open_socket)
        try:
            await asyncio.shield(opening)
            async with asyncio.timeout(self._config.timeout_s):
                await self._connack
        except TimeoutError as error:
            raise silent(self._config, "CONNECT") from error
        finally:
            if not opening.done():
                # the thread goes on until its own time is up: what it opens then nobody wants
                self._pump.stop()
                opening.add_done_callback(_look_at)

    async def subscribe(self, subscriptions: Sequence[Subscription]) -> list[str]:
        """Subscribe; what the broker refused or granted less of, in words. Raises AdapterError."""
        notes: list[str] = []
        for start in range(0, len(subscriptions), _FILTERS_PER_REQUEST):
            part = subscriptions[start : start + _FILTERS_PER_REQUEST]
            answers = await self._ask_for(part)
            for subscription, answer in zip(part, answers, strict=False):
                if answer.is_failure:
                    notes.append(f"{self._config.where} refuses {subscription.filter}: {answer}")
                elif answer.value < subscription.qos:
                    notes.append(
                        f"{self._config.where} gives {subscription.filter} with QoS {answer.value} "
                        f"instead of {subscription.qos}"
                    )
        self._subscribed_all = True
        return notes

    def publish(self, publication: Publication) -> int:
        """Send, without waiting; the id of the message."""
        return self._client.publish(publication.topic, publication.payload, publication.qos, publication.retain).mid

    def confirm(self, messages: Sequence[InFlight]) -> None:
        """Tell the broker that messages are ours."""
        if self.error is None:
            self._client.confirm((in_flight.mid, in_flight.qos) for in_flight in messages)
            for in_flight in messages:
                self._inbox.confirmed(in_flight)
            if not self._inbox.full:
                self._pump.resume()

    async def close(self, farewell: Publication | None = None) -> None:
        """Say good-bye and let go of the socket."""
        if self.error is None and self._connack.done():
            with suppress(TimeoutError):
                async with asyncio.timeout(_FAREWELL_S):
                    if farewell is not None:
                        said = self._published.setdefault(self.publish(farewell), asyncio.Event())
                        await said.wait()
            self.error = lost(self._config)
            self._client.disconnect()
            with suppress(TimeoutError):
                async with asyncio.timeout(_FAREWELL_S):
                    await self._ended.wait()
        self._pump.stop()

    def _open_socket(self) -> None:
        """In a thread of its own: names, certificates and handshakes may block."""
        config, client = self._config, self._client
        if config.tls is not None:
            try:
                context = ssl.create_default_context(cafile=config.tls.ca_file)
                if config.tls.cert_file is not None:
                    context.load_cert_chain(
                        config.tls.cert_file, config.tls.key_file, password=config.tls.key_password or ""
                    )
            except (OSError, ValueError) as error:
                raise unreadable_certificates(error) from error
            client.tls_set_context(context)
            if not config.tls.check_server_name:
                client.tls_insecure_set(True)
        properties: dict[str, Any] = {}
        if config.version == "5":
            asked = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it untyped
            asked.ReceiveMaximum = config.max_in_flight
            asked.SessionExpiryInterval = config.session_expiry_s if self._keep_session else 0
            properties = {"properties": asked, "clean_start": not self._keep_session}
        try:
            client.connect(config.host, config.port, config.keepalive_s, **properties)
        except mqtt.WebsocketConnectionError as error:
            raise unreachable(config, ValueError(str(error))) from error
        except (OSError, ValueError) as error:
            raise unreachable(config, error) from error

    async def _ask_for(self, part: Sequence[Subscription]) -> list[ReasonCode]:
        if self._config.version == "5":
            code, mid = self._client.subscribe(
                [(one.filter, SubscribeOptions(one.qos, retainHandling=0 if one.retained else 2)) for one in part]
            )
        else:
            code, mid = self._client.subscribe([(one.filter, one.qos) for one in part])
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS or mid is None:
            raise self.error or lost(self._config)
        answer = self._answers.setdefault(mid, self._loop.create_future())
        try:
            async with asyncio.timeout(self._config.timeout_s):
                return await answer
        except TimeoutError as error:
            raise silent(self._config, "SUBSCRIBE") from error

    def _arrived(self, message: mqtt.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            # no topic of anyone: refused like any other that nobody asked for, and not sent again and again
            topic = "\ufffd"
        arrival = self._inbox.arrived(
            topic,
            bytes(message.payload),
            qos=message.qos,
            mid=message.mid,
            dup=message.dup,
            retained=message.retain,
            now_us=self._wall_us(),
            now_s=self._loop.time(),
        )
        if arrival is Arrival.CONFIRM:
            self._client.confirm([(message.mid, message.qos)])
            if (known := self._inbox.open_with(message.mid)) is not None:
                self._inbox.confirmed(known)
        elif arrival is not Arrival.KNOWN:
            self._wake()
        if self._inbox.full and self._subscribed_all:
            self._pump.pause()

    def _connected(self, _c: object, _d: object, flags: mqtt.ConnectFlags, reason: ReasonCode, _p: object) -> None:
        if self._connack.done():
            return
        if reason.is_failure:
            self._fail(refused(self._config, reason))
        else:
            self._inbox.connected(flags.session_present, self._loop.time())
            self._connack.set_result(None)

    def _disconnected(self, _c: object, _d: object, _f: object, reason: ReasonCode, _p: object) -> None:
        self._fail(lost(self._config, reason))

    def _subscribed(self, _c: object, _d: object, mid: int, reasons: list[ReasonCode], _p: object) -> None:
        answer = self._answers.setdefault(mid, self._loop.create_future())
        if not answer.done():
            answer.set_result(reasons)

    def _was_published(self, _c: object, _d: object, mid: int, _r: object, _p: object) -> None:
        if mid in self._published:
            self._published[mid].set()

    def _fail(self, error: AdapterError) -> None:
        if self.error is None:
            self.error = error
        _give(self._connack, self.error)
        for answer in self._answers.values():
            _give(answer, self.error)
        self._ended.set()
        self._wake()


def _give(waiting: asyncio.Future[Any], error: AdapterError) -> None:
    if not waiting.done():
        waiting.set_exception(error)
        # nobody may be waiting for it
        waiting.exception()


def _look_at(opening: asyncio.Future[None]) -> None:
    """An error that nobody waits for any more is no news."""
    if not opening.cancelled():
        opening.exception()
