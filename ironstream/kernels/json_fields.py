"""The names of the fields of readings in JSON, and how the kernels that read them go from one field to the next.

Names have numbers: those of one object follow one another, those of raw readings first, so that each wire knows an
object by the range of its numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ironstream.kernels.bytes import load_word, trailing_zeros
from ironstream.kernels.compiler import helper, inlined

_RAW: Final = (
    "tenant_id", "site_id", "asset_id", "parameter", "unit", "schema_version", "quality", "classification", "value",
    "timestamps", "metadata",
)  # fmt: skip
_OF_THE_AGENT: Final = (
    "quality_reasons", "clock_skew_ms", "topology_version", "site_name", "machine_type", "canonical_name",
)  # fmt: skip
_RAW_TIMES: Final = ("device_time", "gateway_time", "timezone")
_RAW_METADATA: Final = ("boot", "seq", "pipeline_id", "adapter_id", "adapter_version", "hostname")
_TIMES: Final = (*_RAW_TIMES, "kafka_time")
_METADATA: Final = (*_RAW_METADATA, "historical")
NAMES: Final = (*_RAW, *_OF_THE_AGENT, *_TIMES, *_METADATA)

_FIRST_OF_TIMES: Final = len(_RAW) + len(_OF_THE_AGENT)
_FIRST_OF_METADATA: Final = _FIRST_OF_TIMES + len(_TIMES)
RAW_TOP: Final = (0, len(_RAW))
RAW_IN_TIMES: Final = (_FIRST_OF_TIMES, _FIRST_OF_TIMES + len(_RAW_TIMES))
RAW_IN_METADATA: Final = (_FIRST_OF_METADATA, _FIRST_OF_METADATA + len(_RAW_METADATA))
CLEAN_TOP: Final = (0, _FIRST_OF_TIMES)
CLEAN_IN_TIMES: Final = (_FIRST_OF_TIMES, _FIRST_OF_METADATA)
CLEAN_IN_METADATA: Final = (_FIRST_OF_METADATA, len(NAMES))
"""Ranges of numbers: what may stand in each object of each wire."""
FIRST: Final = len(NAMES)
FIRST_TIME: Final = len(NAMES) + 1
FIRST_METADATA: Final = len(NAMES) + 2
"""Stand for the field before the first of each object."""
ORDER_LENGTH: Final = len(NAMES) + 3
"""Of the array in which `field` keeps what it has learned; -1 is nothing yet."""


def _in_words(texts: Iterable[bytes]) -> NDArray[np.uint64]:
    """Texts of up to 16 bytes as two words of 8 bytes each, the first byte the lowest."""
    return np.frombuffer(b"".join(text.ljust(16, b"\0") for text in texts), "<u8").reshape(-1, 2).copy()


_LENGTHS: Final = np.array([len(name) for name in NAMES])
_WORDS: Final = _in_words(name.encode() for name in NAMES)
_MASKS: Final = _in_words(b"\xff" * len(name) for name in NAMES)
"""What of the words belongs to the name."""
_ONES: Final = np.uint64(0x0101010101010101)
_HIGH: Final = np.uint64(0x8080808080808080)
_SPACES: Final = np.uint64(0x2020202020202020)
_QUOTES: Final = np.uint64(0x2222222222222222)
_SLASHES: Final = np.uint64(0x5C5C5C5C5C5C5C5C)
QUOTE: Final = 34
COMMA: Final = 44
OPEN: Final = 123
_COLON, _CLOSE = 58, 125


@inlined
def skip_space(buffer: Any, at: int, end: int) -> int:
    """The next place that is no white space, or the end."""
    while at < end and (buffer[at] == 32 or buffer[at] == 10 or buffer[at] == 13 or buffer[at] == 9):
        at += 1
    return at


@helper
def string_end(buffer: Any, at: int, end: int) -> int:
    """Place of the quote that closes the string which begins at `at`; -1 where it is not plain."""
    while at < end:
        word = load_word(buffer, at)
        # The highest bit of each byte that is not plain: not ASCII, below a space, DEL, a quote, a backslash. The
        # carries go only to bytes behind the first one found, and only that one is looked at.
        odd = word | (word - _SPACES) | (word + _ONES)
        quotes, slashes = word ^ _QUOTES, word ^ _SLASHES
        odd |= (quotes - _ONES) & ~quotes | (slashes - _ONES) & ~slashes
        odd &= _HIGH
        if odd:
            at += trailing_zeros(odd) >> 3
            return at if at < end and buffer[at] == QUOTE else -1
        at += 8
    return -1


@helper
def text_end(buffer: Any, at: int, end: int) -> int:
    """The same for any text in UTF-8 without escapes; -1 where it is none."""
    stop = string_end(buffer, at, end)
    return stop if stop >= 0 else _utf8_end(buffer, at, end)


@helper
def _utf8_end(buffer: Any, at: int, end: int) -> int:
    while at < end:
        byte = buffer[at]
        if byte == QUOTE:
            return at
        if byte < 32 or byte == 92:
            return -1
        at += 1
        if byte < 128:
            continue
        # the shortest form alone, and no surrogates: the first byte says how far the second one may go
        lowest, highest = 0x80, 0xBF
        if byte < 0xC2 or byte > 0xF4:
            return -1
        more = 1 if byte < 0xE0 else (2 if byte < 0xF0 else 3)
        if byte == 0xE0:
            lowest = 0xA0
        elif byte == 0xED:
            highest = 0x9F
        elif byte == 0xF0:
            lowest = 0x90
        elif byte == 0xF4:
            highest = 0x8F
        for _ in range(more):
            if at >= end or buffer[at] < lowest or buffer[at] > highest:
                return -1
            lowest, highest = 0x80, 0xBF
            at += 1
    return -1


@helper
def field(buffer: Any, at: int, end: int, fields: Any, seen: int, before: int, next_ones: Any) -> tuple[int, int]:
    """Number of the field whose name stands at `at`, and the place of its value; -1 for one that is not expected.

    `before` is the number of the field before it. Machines send their fields in one order, so what followed that field
    the last time (`next_ones`) is tried first.
    """
    if at >= end or buffer[at] != QUOTE:
        return -1, at
    number = next_ones[before]
    stop = at + 1
    if number >= 0:
        stop += _LENGTHS[number]
    if number < 0 or stop >= end or buffer[stop] != QUOTE or not _is_name(buffer, at + 1, stop, number):
        stop = string_end(buffer, at + 1, end)
        if stop < 0:
            return -1, at
        number = fields[0]
        while number < fields[1] and not _is_name(buffer, at + 1, stop, number):
            number += 1
        if number == fields[1]:
            return -1, at
        next_ones[before] = number
    colon = skip_space(buffer, stop + 1, end)
    if seen >> number & 1 or colon >= end or buffer[colon] != _COLON:
        return -1, at
    return number, skip_space(buffer, colon + 1, end)


@inlined
def _is_name(buffer: Any, start: int, end: int, number: int) -> bool:
    if end - start != _LENGTHS[number]:
        return False
    low, high = load_word(buffer, start), load_word(buffer, start + 8)
    return bool((low & _MASKS[number, 0]) == _WORDS[number, 0] and (high & _MASKS[number, 1]) == _WORDS[number, 1])


@inlined
def after(buffer: Any, at: int, end: int) -> tuple[int, bool]:
    """Place of the next name, and whether there is one; the place after the object else, or -1."""
    at = skip_space(buffer, at, end)
    if at < end and buffer[at] == COMMA:
        return skip_space(buffer, at + 1, end), True
    if at < end and buffer[at] == _CLOSE:
        return at + 1, False
    return -1, False
