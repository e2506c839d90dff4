"""What is heard of the radios around, as offers. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from adapters.xbee.messages import Data, LineSample, Message, NodeFound, Radio, RemoteAnswer
from adapters.xbee.registers import to_registers
from adapters.xbee.tag import SUPPLY_LINE
from ironstream.gateway.adapter import Offer


class Survey:
    """Collects messages; `offers` lists each radio and what it sent last, register by register and line by line."""

    def __init__(self) -> None:
        self._names: dict[Radio, str] = {}
        self._signals: dict[Radio, int] = {}
        self._data: dict[Radio, Data] = {}
        self._lines: dict[Radio, LineSample] = {}
        self._address64: dict[str, str] = {}

    def take(self, message: Message) -> None:
        """A message came."""
        if not isinstance(message, Data | LineSample | NodeFound | RemoteAnswer):
            return
        radio = self._radio(message.radio)
        self._names.setdefault(radio, "")
        match message:
            case NodeFound(node_id=node_id):
                self._names[radio] = node_id
            case Data():
                self._data[radio] = message
            case LineSample():
                self._lines[radio] = message
        if not isinstance(message, RemoteAnswer) and message.rssi is not None:
            self._signals[radio] = message.rssi

    def offers(self) -> Iterator[Offer]:
        """Radios by name; under each what it sent. A register carries the tag that reads it."""
        for radio, name in sorted(self._names.items(), key=lambda item: (item[1], str(item[0]))):
            path = name or str(radio)
            signal = f"{self._signals[radio]} dBm" if radio in self._signals else ""
            yield Offer(str(radio), path, "radio", signal)
            node = name or radio.address64
            data, lines = self._data.get(radio), self._lines.get(radio)
            if data is not None:
                for at, word in enumerate(to_registers(data.payload)):
                    yield _offer(path, node, 40001, at, "register", f"{word:#06x}")
            if lines is not None:
                for at, high in sorted(lines.digital.items()):
                    yield _offer(path, node, 10001, at, "digital line", "high" if high else "low", kind="discrete")
                for at, count in sorted(lines.analog.items()):
                    kind = "supply voltage" if at == SUPPLY_LINE else "analog line"
                    yield _offer(path, node, 30001, at, kind, str(count), kind="input")

    def _radio(self, radio: Radio) -> Radio:
        """The same radio by its 64-bit address alone, where that is known."""
        if radio.address64 is not None:
            if radio.address16 is not None:
                self._address64[radio.address16] = radio.address64
            return Radio(radio.address64)
        address64 = self._address64.get(radio.address16 or "")
        return radio if address64 is None else Radio(address64)


def _offer(path: str, node: str | None, base: int, at: int, type_: str, value: str, **fields: Any) -> Offer:
    number = base + at
    tag = None if node is None else {"name": f"r{number}", "node": node, "address": at, **fields}
    return Offer(str(number), f"{path}/{number}", type_, value, tag=tag)
