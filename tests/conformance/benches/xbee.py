"""A radio with two remote radios for the conformance suite."""

from __future__ import annotations

import asyncio
import struct
import tempfile
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from adapters.xbee.simulator import SimulatedNode, SimulatedXBee

INTERVAL_S = 0.02
"""Far below the silence after which a node is lost, so that a busy machine does not make one."""


class XBeeBench:
    """A simulated radio on a pseudo-terminal; node `a` sends a number, a bit and a text, node `b` a number."""

    adapter = "xbee-modbus"
    bad_config: Mapping[str, Any] = {
        "xbee_port": "",
        "baud_rate": 99,
        "nodes": [{"node_id": "a"}, {}],
        "tags": [{"name": "a"}, {"name": "b b", "address": 0}, {"name": "c", "address": 0, "type": "X"}],
        "surprise": 1,
    }
    bad_fields = ("xbee_port", "baud_rate", "nodes.1", "tags.0", "tags.1.name", "tags.2.type", "surprise")

    def __init__(self) -> None:
        name = f"xbee-{uuid.uuid4().hex}"
        self._link = Path(tempfile.gettempdir()) / name
        self._other_link = self._link.with_name(f"another-{name}")
        nodes = [SimulatedNode("0013A20040AAAAAA", "RADIO-A"), SimulatedNode("0013A20040BBBBBB", "RADIO-B")]
        self._radio = SimulatedXBee(nodes, api_mode=2, link=self._link)
        self._sending: asyncio.Task[None] | None = None

    @property
    def secret(self) -> tuple[str, str]:
        self._other_link.symlink_to(self._link)
        return "xbee_port", str(self._other_link)

    async def start(self) -> None:
        self._radio.plug()
        self._sending = asyncio.create_task(self._send())

    async def stop(self) -> None:
        if self._sending is not None:
            self._sending.cancel()
            with suppress(asyncio.CancelledError):
                await self._sending
            self._sending = None
        self._radio.pull()
        self._other_link.unlink(missing_ok=True)

    def silence(self, part: str | None) -> None:
        for node in self._radio.nodes:
            node.reachable = node.node_id[-1:].lower() != part

    def config(self) -> dict[str, Any]:
        return {
            "xbee_port": str(self._link),
            "api_mode": 2,
            "timeout_s": 2,
            "silence_s": 1,
            "discovery_interval_s": 0.1,
            "nodes": [{"node_id": "RADIO-A"}, {"address64": "0013a20040bbbbbb"}],
            "tags": [
                {"name": "a", "node": "RADIO-A", "address": 0, "unit": "bar"},
                {"name": "running", "node": "RADIO-A", "address": 1, "bit": 0, "event": True},
                {"name": "text", "node": "RADIO-A", "byte": 4, "type": "STRING", "length": 4},
                {"name": "b", "node": "0013A20040BBBBBB", "address": 0},
            ],
        }

    async def _send(self) -> None:
        while True:
            self._radio.data("RADIO-A", struct.pack(">HH4s", 1, 1, b"OK!!"))
            self._radio.data("RADIO-B", struct.pack(">H", 2))
            await asyncio.sleep(INTERVAL_S)
