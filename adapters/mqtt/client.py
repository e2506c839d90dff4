"""The broker to the adapter: messages come out, confirmations go in, whatever happens to the connection."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from contextlib import suppress

from adapters.mqtt.connection import ConnectionConfig
from adapters.mqtt.errors import lost
from adapters.mqtt.inbox import Inbox, InFlight, Message
from adapters.mqtt.link import Link, Publication, Subscription
from ironstream.gateway.adapter import DeviceRefusedError


class MqttClient:
    """One broker. Only I/O: no retry of a lost connection, no decoding. What came outlives the connection."""

    def __init__(self, config: ConnectionConfig, *, keep_session: bool) -> None:
        self._config = config
        self._keep_session = keep_session
        self._inbox = Inbox(config.max_in_flight, config.max_waiting)
        self._some = asyncio.Event()
        self._link: Link | None = None
        self._farewell: Publication | None = None

    async def connect(
        self,
        subscriptions: Sequence[Subscription],
        *,
        will: Publication | None = None,
        hello: Publication | None = None,
    ) -> list[str]:
        """Connect and subscribe; `will` is also what is told at a close, `hello` after connecting.

        What the broker refused or granted less of comes back in words. Raises AdapterError, also when it refused all.
        """
        await self.close()
        link = Link(self._config, self._inbox, self._some.set, keep_session=self._keep_session, will=will)
        self._link, self._farewell = link, will
        await link.open()
        if hello is not None:
            link.publish(hello)
        notes = await link.subscribe(subscriptions)
        if subscriptions and sum(" refuses " in note for note in notes) == len(subscriptions):
            raise DeviceRefusedError(notes[0], "check the rights of this user at the broker")
        return notes

    async def receive(self, limit: int, timeout_s: float | None) -> list[Message]:
        """The messages that have come, at most `limit`; none when `timeout_s` passed without any.

        Raises AdapterError when the connection is gone and all that had come is read. Nothing is lost by a cancel.
        """
        if not self._inbox and self._alive():
            self._some.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._some.wait()
        messages = self._inbox.take(limit)
        if not messages:
            self._check()
        return messages

    def take_all(self) -> list[Message]:
        """What has come and was not read; from now on what comes stays with the broker."""
        self._inbox.closed = True
        return self._inbox.take(len(self._inbox))

    def dropped(self) -> int:
        """Messages of QoS 0 that found no room since the last call."""
        dropped, self._inbox.dropped = self._inbox.dropped, 0
        return dropped

    def confirm(self, messages: Iterable[InFlight]) -> None:
        """Kafka has them. On a broken connection the broker is told when it sends a message once more."""
        now_s = asyncio.get_running_loop().time()
        awaited = [in_flight for in_flight in messages if self._inbox.stored(in_flight, now_s)]
        if awaited and self._link is not None:
            self._link.confirm(awaited)

    def publish(self, publication: Publication) -> None:
        """Send without waiting; on a broken connection nothing is sent."""
        if self._link is not None and self._link.error is None:
            self._link.publish(publication)

    async def close(self) -> None:
        """Let go of the connection; may be repeated."""
        link, self._link = self._link, None
        if link is not None:
            await link.close(self._farewell)

    def _alive(self) -> bool:
        return self._link is not None and self._link.error is None

    def _check(self) -> None:
        if not self._alive():
            raise (self._link.error if self._link is not None else None) or lost(self._config)
