"""The answers that carry values: of Read, Publish and HistoryRead. Pure; each raises WireError and nothing else."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final, NamedTuple, TypeVar

from adapters.opcua.wire import EXTENSION_OBJECT, DataValue, Reader, Structure, WireError

_HISTORY_DATA: Final = 658

Result = TypeVar("Result")


class Change(NamedTuple):
    """A monitored item, by the handle that we gave it, has a value."""

    handle: int
    value: DataValue


class EventFields(NamedTuple):
    """An event of a monitored item, its fields in the order in which they were asked for."""

    handle: int
    fields: list[object]


class Publication(NamedTuple):
    """An answer to Publish. `status` is what became of the subscription, where the server says that it ended.

    `time_us` is the server's clock when it published (µs since the epoch).
    """

    subscription: int
    sequence: int
    time_us: int | None
    keep_alive: bool
    changes: list[Change]
    events: list[EventFields]
    status: int | None


class Answer(NamedTuple):
    """The results of a Read, and the server's clock when it answered (µs since the epoch)."""

    time_us: int | None
    values: list[DataValue]


class HistoryPage(NamedTuple):
    """What a server remembers of one node, up to where `more` goes on."""

    status: int
    more: bytes | None
    values: list[DataValue]


def read_results(data: bytes) -> Answer:
    """The results of a ReadResponse."""
    return _whole(data, lambda reader, time_us: Answer(time_us, [reader.data_value() for _ in _count(reader)]))


def publication(data: bytes) -> Publication:
    """A PublishResponse."""
    return _whole(data, lambda reader, _: _publication(reader))


def republished(data: bytes) -> Publication:
    """A RepublishResponse."""
    return _whole(data, lambda reader, _: _notification(reader, 0))


def history_pages(data: bytes) -> list[HistoryPage]:
    """The results of a HistoryReadResponse; a page in an unknown form is empty and has status BadDecodingError."""
    return _whole(data, lambda reader, _: [_history_page(reader) for _ in _count(reader)])


def _whole(data: bytes, read: Callable[[Reader, int | None], Result]) -> Result:
    reader = Reader(data)
    try:
        reader.node()
        return read(reader, _header(reader))
    except (struct.error, RecursionError, OverflowError) as error:
        raise WireError(f"an answer that ends in its middle: {error}") from error


def _header(reader: Reader) -> int | None:
    time_us = reader.time_us()
    reader.u32()
    result = reader.u32()
    reader.diagnostics()
    for _ in _count(reader):
        reader.text()
    reader.structure()
    if result & 0x80000000:
        raise WireError(f"an answer with status 0x{result:08x}")
    return time_us


def _count(reader: Reader) -> range:
    count = reader.i32()
    if count > len(reader.data) - reader.pos:
        raise WireError(f"{count} parts in {len(reader.data) - reader.pos} bytes")
    return range(count)


def _publication(reader: Reader) -> Publication:
    subscription = reader.u32()
    for _ in _count(reader):
        reader.u32()
    reader.u8()
    return _notification(reader, subscription)


def _notification(reader: Reader, subscription: int) -> Publication:
    sequence = reader.u32()
    time_us = reader.time_us()
    changes: list[Change] = []
    events: list[EventFields] = []
    status: int | None = None
    parts = _count(reader)
    for _ in parts:
        part = reader.structure()
        if part.body is None:
            continue
        inner = Reader(part.body)
        match part.encoding[:2]:
            case (0, 811):  # DataChangeNotification
                changes += [Change(inner.u32(), inner.data_value()) for _ in _count(inner)]
            case (0, 916):  # EventNotificationList
                events += [EventFields(inner.u32(), [inner.variant()[0] for _ in _count(inner)]) for _ in _count(inner)]
            case (0, 820):  # StatusChangeNotification
                status = inner.u32()
    return Publication(subscription, sequence, time_us, not parts, changes, events, status)


def _history_page(reader: Reader) -> HistoryPage:
    status = reader.u32()
    more = reader.bytes_()
    data: Structure = reader.value(EXTENSION_OBJECT)
    if status & 0x80000000 or data.body is None:
        return HistoryPage(status, None, [])
    if data.encoding[:2] != (0, _HISTORY_DATA):
        return HistoryPage(0x80070000, None, [])
    inner = Reader(data.body)
    return HistoryPage(status, more or None, [inner.data_value() for _ in _count(inner)])
