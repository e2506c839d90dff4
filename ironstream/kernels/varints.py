"""Kafka's and Avro's variable-length integers (zigzag)."""

from __future__ import annotations

from typing import Any

from ironstream.kernels.compiler import helper

LONGEST = 10
"""Bytes of the longest."""


@helper
def read_varint(buffer: Any, at: int, end: int) -> tuple[int, int]:
    """Value and the place after it; the place is -1 where no whole number stands at `at`."""
    value = 0
    shift = 0
    while at < end and shift < 70:
        byte = int(buffer[at])
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value >> 1) & 0x7FFFFFFFFFFFFFFF ^ -(value & 1), at
        shift += 7
    return 0, -1


@helper
def write_varint(buffer: Any, at: int, value: int) -> int:
    """Write a number; returns the place after it."""
    rest = (value << 1) ^ (value >> 63)
    while rest & ~0x7F:
        buffer[at] = rest & 0x7F | 0x80
        at += 1
        rest = (rest >> 7) & 0x1FFFFFFFFFFFFFF
    buffer[at] = rest
    return at + 1


@helper
def varint_size(value: int) -> int:
    """Bytes that a number takes."""
    rest = (value << 1) ^ (value >> 63)
    size = 1
    while rest & ~0x7F:
        size += 1
        rest = (rest >> 7) & 0x1FFFFFFFFFFFFFF
    return size
