"""What a message leaves in the virtual registers of its node, and what the tags read there. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from adapters.modbus.config import RegisterKind
from adapters.modbus.decode import Value, decode, decode_time_us
from adapters.xbee.config import Block, Tag, TimeField
from adapters.xbee.messages import Data, LineSample

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

    def words(self, tag: Tag) -> list[int] | None:
        """What `tag` is decoded from; None where this message did not write all of it."""
        if tag.kind is RegisterKind.DISCRETE:
            line = self.discrete.get(tag.address or 0)
            return None if line is None else [int(line)]
        if tag.kind is RegisterKind.INPUT:
            count = self.analog.get(tag.address or 0)
            return None if count is None else [count]
        raw = self._bytes(tag.first_byte, tag.size)
        if raw is None:
            return None
        # a lone byte is the high one of its register, but bits are counted from the low end
        return [raw[0]] if tag.is_byte and tag.bit is not None else to_registers(raw)

    def time_us(self, arrived_us: int) -> int | None:
        """When the values were so: the radio's clock, None while it shows no time; the arrival where there is none."""
        if self.clock is None:
            return arrived_us
        raw = self._bytes(self.clock.first_byte, self.clock.size)
        return None if raw is None else decode_time_us(self.clock.clock, to_registers(raw))

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
        words = registers.words(tag)
        if words is not None:
            value = decode(tag.decoder, words)
            yield of, None if isinstance(value, float) and not math.isfinite(value) else value


def to_registers(raw: bytes) -> list[int]:
    """Big-endian registers of bytes; the low byte that an odd number lacks is 0."""
    return [int.from_bytes(raw[i : i + 2].ljust(2, b"\0"), "big") for i in range(0, len(raw), 2)]
