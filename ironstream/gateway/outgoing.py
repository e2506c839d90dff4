"""One record on its way from the gateway to Kafka."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import msgspec

from ironstream.gateway.delivery import Delivery

_OVERHEAD_BYTES: Final = 200
"""What one waiting record costs beside its own bytes, about."""


class Priority(IntEnum):
    """What a full buffer gives up first: the lowest. Alarms are never given up."""

    LOG = 0
    LOW = 1
    NORMAL = 2
    HIGH = 3
    EVENT = 4
    ALARM = 5


class Outgoing(msgspec.Struct, frozen=True, gc=False):
    """One record on its way to `topic` (name without the deployment's prefix); `delivery` waits for it, if any does."""

    topic: str
    key: bytes | None
    value: bytes
    priority: Priority = Priority.NORMAL
    delivery: Delivery | None = None
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def size(self) -> int:
        """Bytes of memory that the record is counted with."""
        headers = sum(len(name) + len(value) for name, value in self.headers) if self.headers else 0
        return len(self.value) + len(self.key or b"") + headers + _OVERHEAD_BYTES

    def settle(self) -> None:
        """Kafka has it, or never will: nobody need wait for it."""
        if self.delivery is not None:
            self.delivery.settle()
