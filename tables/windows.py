"""Tables of windows: open ones (a row per series and size), reopened and closed ones (a row each).

Closed windows are kept for `late_retention` of their size behind the watermark of their series.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ironstream.domain.windows import sketch
from ironstream.domain.windows.level import KeptWindows, Level
from ironstream.domain.windows.slots import Windows
from ironstream.domain.windows.stats import FREE, WINDOW
from ironstream.errors import EngineError

OPEN: Final = b"o/"
"""Key: size in s (8 bytes, big-endian), series. Value: version, closed_by_silence (int64), windows with lengths."""
CLOSED: Final = b"w/"
"""Key: size in s, series, zero byte, number (8 bytes). Value: version, window."""
REOPENED: Final = b"r/"
"""As CLOSED: windows that late readings have changed and that the next tick will emit."""
_VERSION: Final = b"\x01"
_SIZE: Final = struct.Struct(">Q")
_OFFSET: Final = 1 << 63
"""Makes the order of keys that of numbers below zero too."""
_COUNT: Final = struct.Struct("<I")
_HEAD: Final = WINDOW.itemsize
_BUFFERED: Final[int] = WINDOW.fields["buffered"][1]  # type: ignore[index]  # a structured dtype has fields
_TIMED: Final[int] = WINDOW.fields["timed"][1]  # type: ignore[index]  # as above
_SERIES_AT_ONCE: Final = 1000


def open_key(size_us: int, series: bytes) -> bytes:
    """Key of the open windows of a series."""
    return OPEN + _SIZE.pack(size_us // 1_000_000) + series


def parse_open_key(key: bytes) -> tuple[int, bytes]:
    """Size (µs) and series."""
    at = len(OPEN)
    return _SIZE.unpack_from(key, at)[0] * 1_000_000, key[at + _SIZE.size :]


def window_prefix(table: bytes, size_us: int, series: bytes) -> bytes:
    """What the keys of all closed or reopened windows of a series begin with."""
    return table + _SIZE.pack(size_us // 1_000_000) + series + b"\x00"


def window_key(table: bytes, size_us: int, series: bytes, number: int) -> bytes:
    """Key of one closed or reopened window."""
    return window_prefix(table, size_us, series) + _SIZE.pack(number + _OFFSET)


def parse_window_key(table: bytes, key: bytes) -> tuple[int, bytes, int]:
    """Size (µs), series and number."""
    at = len(table)
    size = _SIZE.unpack_from(key, at)[0] * 1_000_000
    return size, key[at + _SIZE.size : -_SIZE.size - 1], _SIZE.unpack_from(key, len(key) - _SIZE.size)[0] - _OFFSET


def pack_windows(windows: Windows) -> Iterator[bytes]:
    """Values of closed or reopened windows, in their order."""
    # As below: whole arrays to bytes once.
    count, timed = windows.head["buffered"].tolist(), windows.head["timed"].tolist()
    heads, values, times = windows.head.tobytes(), windows.values.tobytes(), windows.times.tobytes()
    width, time_width = 8 * windows.values.shape[1], 8 * windows.times.shape[1]
    for at, (buffered, has_times) in enumerate(zip(count, timed, strict=True)):
        row = _VERSION + heads[at * _HEAD : (at + 1) * _HEAD] + values[at * width : at * width + 8 * buffered]
        if has_times:
            row += times[at * time_width : at * time_width + 8 * buffered]
        if at in windows.sketches:
            row += sketch.pack(windows.sketches[at])
        yield row


def unpack_window(row: bytes) -> Windows:
    """A window that `pack_windows` wrote, as one of one. Raises EngineError for a row of another layout."""
    _check(row)
    return _unpack(memoryview(row)[1:])


def pack_open(level: Level, series: NDArray[np.int64]) -> Iterator[bytes]:
    """Values of the open windows of some series, in their order."""
    for first in range(0, len(series), _SERIES_AT_ONCE):
        yield from _pack_open(level, series[first : first + _SERIES_AT_ONCE])


def _pack_open(level: Level, series: NDArray[np.int64]) -> Iterator[bytes]:
    # Whole arrays to bytes once, and slices of those: per window that is a tenth of the cost of packing it alone.
    windows = level.slots.all
    slots = level.slots_of(series)
    head = windows.head[slots]
    number, count, timed = head["index"].tolist(), head["buffered"].tolist(), head["timed"].tolist()
    heads, values, times = head.tobytes(), windows.values[slots].tobytes(), windows.times[slots].tobytes()
    width, time_width = 8 * windows.values.shape[1], 8 * windows.times.shape[1]
    silence = level.closed_by_silence[series].astype("<i8").tobytes()
    at = 0
    for place in range(len(series)):
        parts = [_VERSION, silence[8 * place : 8 * place + 8]]
        for at in range(place * level.per_series, (place + 1) * level.per_series):
            if number[at] == FREE:
                continue
            length = 8 * count[at]
            window = [heads[at * _HEAD : (at + 1) * _HEAD], values[at * width : at * width + length]]
            if timed[at]:
                window.append(times[at * time_width : at * time_width + length])
            bins = windows.sketches.get(int(slots[at])) if windows.sketches else None
            if bins is not None:
                window.append(sketch.pack(bins))
            parts.append(_COUNT.pack(sum(map(len, window))))
            parts += window
        yield b"".join(parts)


def unpack_open(row: bytes, into: KeptWindows) -> tuple[int, int]:
    """Add the windows of a row to `into`; return closed_by_silence and how many windows there are.

    Raises EngineError for a row of another layout.
    """
    _check(row)
    at, found = 9, 0
    while at < len(row):
        (length,) = _COUNT.unpack_from(row, at)
        at += _COUNT.size
        end, values = at + length, at + _HEAD
        (count,) = _COUNT.unpack_from(row, at + _BUFFERED)
        into.heads.append(row[at:values])
        rest = values + 8 * count
        into.values.append(row[values:rest])
        if row[at + _TIMED]:
            into.times.append(row[rest : rest + 8 * count])
            rest += 8 * count
        if rest < end:
            into.sketches[len(into.heads) - 1] = sketch.unpack(row[rest:end])
        at = end
        found += 1
    return struct.unpack_from("<q", row, 1)[0], found


def _unpack(raw: memoryview) -> Windows:
    head = np.frombuffer(raw, WINDOW, 1).copy()
    count, timed = int(head["buffered"][0]), bool(head["timed"][0])
    at = _HEAD
    values = np.frombuffer(raw, np.float64, count, at).copy()[None, :]
    at += 8 * count
    times = np.zeros((1, 0), np.int64)
    if timed:
        times = np.frombuffer(raw, np.int64, count, at).copy()[None, :]
        at += 8 * count
    sketches = {0: sketch.unpack(bytes(raw[at:]))} if at < len(raw) else {}
    return Windows(head, values, times, sketches)


def _check(row: bytes) -> None:
    if row[:1] != _VERSION:
        raise EngineError(
            f"table windows: a row has layout {row[:1].hex() or 'none'}, this release reads {_VERSION.hex()}",
            "run the release that wrote it, or delete the changelog topic and let the worker start from raw",
        )
