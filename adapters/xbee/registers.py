"""What a message leaves in the virtual registers of its node, and what the tags read there. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from adapters.modbus.config import RegisterKind
from adapters.modbus.layout import Value
from adapters.xbee.config import Block
from adapters.xbee.messages import Data, LineSample
from adapters.xbee.tag import Tag, TimeField

Of = TypeVar("Of")


@dataclass(frozen=True, slots=True)
class Registers:
    """The virtual registers that one message has written: holding from byte `first_byte` on, and lines by number.

    A message stands for itself: a value is read from one message or not at all, so it is never made of two.
    """

    holding: bytes = b""
    first_byte: int = 0
    discrete: Mapping[int, bool] = field(default_factory=dict)
    analog: Mapping[int, int] = field(default_factory=dict)
    clock: TimeField | None = None

    def raw(self, tag: Tag) -> bytes | None:
        """The bytes that `tag` is decoded from; None where this message did not write all of them."""
        if tag.kind is RegisterKind.DISCRETE:
            line = self.discrete.get(tag.address or 0)
            return None if line is None else bytes([line])
        if tag.kind is RegisterKind.INPUT:
            count = self.analog.get(tag.address or 0)
            return None if count is None else count.to_bytes(2, "big")
        return self._bytes(tag.first_byte, tag.size)

    def time_us(self, arrived_us: int) -> int | None:
        """When the values were so: the radio's clock, None while it shows no time; the arrival where there is none."""
        if self.clock is None:
            return arrived_us
        raw = self._bytes(self.clock.first_byte, self.clock.size)
        (time_us,) = (None,) if raw is None else self.clock.decoder(raw)
        return None if time_us is None else int(time_us)

    def _bytes(self, first: int, size: int) -> bytes | None:
        start = first - self.first_byte
        return self.holding[start : start + size] if 0 <= start <= len(self.holding) - size else None


def registers_of(message: Data | LineSample, layout: Sequence[Block]) -> Registers | None:
    """Where `message` goes by the layout of its node; None when no block of it fits."""
    if isinstance(message, LineSample):
        return Registers(discrete=message.digital, analog=message.analog)
    block = next((block for block in layout if block.fits(message.payload)), None)
    if block is None:
        return None
    return Registers(message.payload[block.skip :], 2 * block.address, clock=block.device_time)


def values_of(registers: Registers, tags: Iterable[tuple[Tag, Of]]) -> Iterator[tuple[Of, Value | None]]:
    """What the message has written of `tags`, each with what stands for it; None for a number that is not finite."""
    for tag, of in tags:
        raw = registers.raw(tag)
        if raw is not None:
            (value,) = tag.decoder(raw)
            yield of, None if isinstance(value, float) and not math.isfinite(value) else value


def to_registers(raw: bytes) -> list[int]:
    """Big-endian registers of bytes; the low byte that an odd number lacks is 0."""
    return [int.from_bytes(raw[i : i + 2].ljust(2, b"\0"), "big") for i in range(0, len(raw), 2)]
