"""The MQTT broker of the simulated plant, and the press as a client of it."""

from __future__ import annotations

import asyncio
import json
import warnings
from contextlib import suppress
from typing import Any, Final

import aiomqtt
from amqtt.broker import Broker
from amqtt.errors import BrokerError

from adapters.simulator.live import LivePlant
from adapters.simulator.press import Press

TELEMETRY: Final = "plant/press-1/telemetry"
"""Topic of the values: one JSON document each `update_s`."""
ONLINE: Final = "plant/press-1/online"
"""Topic, retained, of whether the press is there: `true` or `false`; its last will says `false`."""
_POLL_S: Final = 0.05
_SHUTDOWN_S: Final = 3.0


def document(press: Press, now_us: int) -> dict[str, Any]:
    """What the press tells of itself."""
    return {
        "ts": now_us // 1000,
        "force": round(press.force, 2),
        "position": round(press.position, 2),
        "oil": {"temperature": round(press.oil_temperature, 3)},
        "parts": press.parts,
        "state": press.state,
    }


class PressBroker:
    """A broker (MQTT 3.1.1, for anybody, so for loopback only) with the press on it, while it is entered.

    `port` 0 takes a free one; `port` is then the real one. Raises OSError when the address cannot be had.
    """

    def __init__(
        self,
        plant: LivePlant,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        update_s: float = 0.5,
    ) -> None:
        self.host = host
        self.port = port
        self._plant = plant
        self._update_s = update_s
        self._broker: Broker | None = None
        self._press: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()

    async def __aenter__(self) -> PressBroker:
        broker = Broker(
            {
                "listeners": {"default": {"type": "tcp", "bind": f"{self.host}:{self.port}"}},
                "plugins": {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}},
            }
        )
        with warnings.catch_warnings():
            # of its own parts that it means to remove
            warnings.simplefilter("ignore", DeprecationWarning)
            try:
                await broker.start()
            except BrokerError as error:
                raise OSError(str(error)) from error
        self._broker = broker
        # it tells the port of a listener in no other way
        (listener,) = broker._servers.values()
        self.port = listener.instance.sockets[0].getsockname()[1]
        self._press = asyncio.create_task(self._live())
        return self

    async def __aexit__(self, *_: object) -> None:
        # asked to end, not cancelled: a client that is cancelled while it disconnects takes that for a lost connection
        self._stop.set()
        if self._press is not None:
            await self._press
        if self._broker is not None:
            # it waits for the ends of its readers, which may not come
            with suppress(asyncio.CancelledError, TimeoutError):
                async with asyncio.timeout(_SHUTDOWN_S):
                    await self._broker.shutdown()

    async def _live(self) -> None:
        """Be on the network and off it, as the press is."""
        while not self._stop.is_set():
            # whoever throws the press out of the broker has it back soon
            with suppress(aiomqtt.MqttError):
                if self._moved().answers:
                    await self._publish()
            await self._pause(_POLL_S)

    async def _publish(self) -> None:
        will = aiomqtt.Will(ONLINE, b"false", qos=1, retain=True)
        async with aiomqtt.Client(self.host, self.port, identifier="press-1", will=will) as client:
            await client.publish(ONLINE, b"true", qos=1, retain=True)
            while (press := self._moved()).answers and not self._stop.is_set():
                await client.publish(TELEMETRY, json.dumps(document(press, self._plant.wall_us())).encode(), qos=1)
                await self._pause(self._update_s / max(1.0, self._plant.time_scale))
            await client.publish(ONLINE, b"false", qos=1, retain=True)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()

    def _moved(self) -> Press:
        return self._plant.moved().press
