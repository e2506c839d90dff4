"""An edge node of Sparkplug B, for tests."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import aiomqtt

from adapters.mqtt.sparkplug.types import DataType
from adapters.mqtt.sparkplug.wire import PayloadMessage

Value = bool | int | float | str


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def payload(seq: int | None, *metrics: dict[str, Any], timestamp: int | None = None) -> bytes:
    """A payload of metrics, each as the fields of the specification."""
    message = PayloadMessage(timestamp=now_ms() if timestamp is None else timestamp)
    if seq is not None:
        message.seq = seq
    for one in metrics:
        message.metrics.add(**one)
    return bytes(message.SerializeToString())


def metric(name: str | None, value: Value | None, **fields: Any) -> dict[str, Any]:
    """A metric with the type that Python's value has."""
    out: dict[str, Any] = {} if name is None else {"name": name}
    match value:
        case None:
            out |= {"is_null": True, "datatype": DataType.DOUBLE}
        case bool():
            out |= {"boolean_value": value, "datatype": DataType.BOOLEAN}
        case int():
            out |= {"long_value": value & 2**64 - 1, "datatype": DataType.INT64}
        case float():
            out |= {"double_value": value, "datatype": DataType.DOUBLE}
        case str():
            out |= {"string_value": value, "datatype": DataType.STRING}
    return out | fields


def unit(name: str) -> dict[str, Any]:
    """The properties of a metric with an engineering unit."""
    return {"keys": ["engUnit"], "values": [{"type": DataType.STRING, "string_value": name}]}


class EdgeNode:
    """One edge node on a connected client: births with aliases, data by alias alone."""

    def __init__(self, client: aiomqtt.Client, group: str, node: str) -> None:
        self._client = client
        self._group = group
        self._node = node
        self._seq = 0
        self.bd_seq = 0
        self.devices: dict[str, dict[str, Value]] = {}
        self.born: set[str] = set()

    async def listen(self) -> None:
        await self._client.subscribe(f"spBv1.0/{self._group}/NCMD/{self._node}")

    async def asked_for_birth(self) -> bool:
        """Whether a host asked for our birth since the last look."""
        asked = False
        while len(self._client.messages):
            message = await anext(aiter(self._client.messages))
            command = PayloadMessage()
            command.ParseFromString(message.payload)
            asked |= any(one.name == "Node Control/Rebirth" and one.boolean_value for one in command.metrics)
        return asked

    async def birth(self, devices: list[str] | None = None, own: Mapping[str, Value] | None = None) -> None:
        """Birth of the node, then of its devices."""
        self._seq = -1
        self.born.clear()
        metrics = [metric("bdSeq", self.bd_seq), metric("Node Control/Rebirth", False)]
        await self.send("NBIRTH", None, *metrics, *(metric(name, value) for name, value in (own or {}).items()))
        for device in self.devices if devices is None else devices:
            await self._device_birth(device)

    async def data(self, device: str) -> None:
        """All values of a device."""
        if device not in self.born:
            await self._device_birth(device)
        values = self.devices[device].values()
        await self.send(
            "DDATA",
            device,
            *(
                metric(None, value, alias=self._alias(device, at), timestamp=now_ms())
                for at, value in enumerate(values)
            ),
        )

    async def send(self, kind: str, device: str | None, *metrics: dict[str, Any]) -> None:
        """One message with the next seq."""
        self._seq = (self._seq + 1) % 256
        topic = "/".join(part for part in ("spBv1.0", self._group, kind, self._node, device) if part)
        await self._client.publish(topic, payload(self._seq, *metrics))

    def skip(self, count: int = 1) -> None:
        """Lose messages."""
        self._seq = (self._seq + count) % 256

    async def die(self, bd_seq: int | None = None) -> None:
        """The will of the node."""
        topic = f"spBv1.0/{self._group}/NDEATH/{self._node}"
        await self._client.publish(
            topic, payload(None, metric("bdSeq", self.bd_seq if bd_seq is None else bd_seq)), qos=1
        )

    async def _device_birth(self, device: str) -> None:
        self.born.add(device)
        await self.send(
            "DBIRTH",
            device,
            *(
                metric(name, value, alias=self._alias(device, at), timestamp=now_ms())
                for at, (name, value) in enumerate(self.devices[device].items())
            ),
        )

    def _alias(self, device: str, at: int) -> int:
        return 100 * (1 + list(self.devices).index(device)) + at
