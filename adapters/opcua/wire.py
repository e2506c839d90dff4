"""OPC UA Binary (Part 6, 5.2): the built-in types, from bytes. Pure.

asyncua decodes a whole answer or none of it, into objects: one value that it cannot read takes all others with it, and
a burst of 20 000 values takes seconds. Here a structure stays bytes until somebody who knows its type looks inside.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

BOOLEAN: Final = 1
DOUBLE: Final = 11
STRING: Final = 12
DATE_TIME: Final = 13
GUID: Final = 14
BYTE_STRING: Final = 15
XML_ELEMENT: Final = 16
STATUS_CODE: Final = 19
LOCALIZED_TEXT: Final = 21
EXTENSION_OBJECT: Final = 22
DIAGNOSTIC_INFO: Final = 25

_MAX_DEPTH: Final = 16
_EPOCH_TICKS: Final = 116_444_736_000_000_000
"""100 ns between 1601, where OPC UA begins, and 1970."""
_YEAR_1_US: Final = -62_135_596_800_000_000
_YEAR_10000_US: Final = 253_402_300_800_000_000

_U8: Final = struct.Struct("<B")
_U16: Final = struct.Struct("<H")
_U32: Final = struct.Struct("<I")
_I32: Final = struct.Struct("<i")
_I64: Final = struct.Struct("<q")
_NUMBERS: Final = {number: struct.Struct("<" + code) for number, code in enumerate("?bBhHiIqQfd", start=1)} | {
    STATUS_CODE: _U32
}


_PLAIN_NUMBERS: Final = {
    bytes((mask, number)): struct.Struct(f"<xx{_NUMBERS[number].format[-1:]}{others}")
    for mask, others in ((0x05, "q"), (0x07, "Iq"), (0x0D, "qq"), (0x0F, "Iqq"))
    for number in range(BOOLEAN, DOUBLE + 1)
}
"""Numbers with status and times, whole: nearly all values are such. By the first two bytes: what is there, and type."""


class WireError(ValueError):
    """Bytes that are not what OPC UA Binary allows."""


class Node(NamedTuple):
    """A node id as on the wire; `uri` only of an expanded one."""

    namespace: int
    identifier: int | str | bytes | uuid.UUID | None
    uri: str | None = None


class Name(NamedTuple):
    """A qualified name."""

    namespace: int
    name: str | None


class Structure(NamedTuple):
    """A value of a structured type, still encoded; `body` None: none, or XML."""

    encoding: Node
    body: bytes | None


class Matrix(NamedTuple):
    """An array of several dimensions, its values in the order of the wire (last index fastest)."""

    values: list[Any]
    dimensions: tuple[int, ...]


class DataValue(NamedTuple):
    """A value with its status code and times (µs since the epoch). `type` is the id of the built-in type, 0: none."""

    value: Any
    type: int
    status: int
    source_us: int | None
    server_us: int | None


class Reader:
    """Reads one value after the other. Every method raises WireError (or struct.error at the end of the data)."""

    __slots__ = ("_depth", "data", "pos")

    def __init__(self, data: bytes, pos: int = 0) -> None:
        self.data = data
        self.pos = pos
        self._depth = 0

    def number(self, code: struct.Struct) -> Any:
        """One number of a fixed layout."""
        (value,) = code.unpack_from(self.data, self.pos)
        self.pos += code.size
        return value

    def u8(self) -> int:
        """A Byte."""
        return int(self.number(_U8))

    def u32(self) -> int:
        """A UInt32 (also a StatusCode)."""
        return int(self.number(_U32))

    def i32(self) -> int:
        """An Int32."""
        return int(self.number(_I32))

    def take(self, count: int) -> bytes:
        """So many bytes."""
        end = self.pos + count
        if count < 0 or end > len(self.data):
            raise WireError(f"{count} bytes wanted at {self.pos} of {len(self.data)}")
        data = self.data[self.pos : end]
        self.pos = end
        return data

    def bytes_(self) -> bytes | None:
        """A ByteString."""
        length = self.i32()
        return None if length < 0 else self.take(length)

    def text(self) -> str | None:
        """A String; what is not UTF-8 is replaced."""
        data = self.bytes_()
        return None if data is None else data.decode("utf-8", "replace")

    def time_us(self) -> int | None:
        """A DateTime in µs since the epoch; None for "no time" and what no calendar can name."""
        return _time_us(self.number(_I64))

    def guid(self) -> uuid.UUID:
        """A Guid."""
        return uuid.UUID(bytes_le=self.take(16))

    def node(self) -> Node:
        """A NodeId or ExpandedNodeId."""
        form = self.u8()
        identifier: int | str | bytes | uuid.UUID | None
        match form & 0x3F:
            case 0:
                namespace, identifier = 0, self.u8()
            case 1:
                namespace, identifier = self.u8(), int(self.number(_U16))
            case 2:
                namespace, identifier = int(self.number(_U16)), self.u32()
            case 3:
                namespace, identifier = int(self.number(_U16)), self.text()
            case 4:
                namespace, identifier = int(self.number(_U16)), self.guid()
            case 5:
                namespace, identifier = int(self.number(_U16)), self.bytes_()
            case other:
                raise WireError(f"{other} is no form of a node id")
        uri = self.text() if form & 0x80 else None
        if form & 0x40:
            self.u32()
        return Node(namespace, identifier, uri)

    def name(self) -> Name:
        """A QualifiedName."""
        return Name(int(self.number(_U16)), self.text())

    def localized(self) -> str | None:
        """The text of a LocalizedText."""
        mask = self.u8()
        if mask & 1:
            self.text()
        return self.text() if mask & 2 else None

    def structure(self) -> Structure:
        """An ExtensionObject."""
        encoding = self.node()
        form = self.u8()
        body = self.bytes_() if form in (1, 2) else None
        return Structure(encoding, body if form == 1 else None)

    def diagnostics(self) -> None:
        """A DiagnosticInfo, which is passed over."""
        with self._deeper():
            mask = self.u8()
            for bit in (0x01, 0x02, 0x04, 0x08):
                if mask & bit:
                    self.i32()
            if mask & 0x10:
                self.text()
            if mask & 0x20:
                self.u32()
            if mask & 0x40:
                self.diagnostics()

    def value(self, type_: int) -> Any:
        """One value of a built-in type by its id."""
        code = _NUMBERS.get(type_)
        if code is not None:
            return self.number(code)
        method = _OTHERS.get(type_)
        if method is None:
            raise WireError(f"{type_} is no built-in type")
        return method(self)

    def array(self, type_: int) -> list[Any] | None:
        """An array of a built-in type; None where the server gives no array."""
        length = self.i32()
        if length < 0:
            return None
        # every element takes a byte at least: a length that is a lie must not fill the memory
        if length > len(self.data) - self.pos:
            raise WireError(f"an array of {length} in {len(self.data) - self.pos} bytes")
        code = _NUMBERS.get(type_)
        if code is None:
            return [self.value(type_) for _ in range(length)]
        values = list(struct.unpack_from(f"<{length}{code.format[-1:]}", self.data, self.pos))
        self.pos += length * code.size
        return values

    def variant(self) -> tuple[Any, int]:
        """A Variant: its value (a list of an array, a `Matrix` of more dimensions) and the id of its built-in type."""
        form = self.u8()
        type_ = form & 0x3F
        if not form & 0xC0:
            return (None if type_ == 0 else self.value(type_)), type_
        with self._deeper():
            values = self.array(type_) if form & 0x80 else [self.value(type_)]
            dimensions = self.array(6) if form & 0x40 else None
        if values is not None and dimensions is not None and len(dimensions) > 1:
            return Matrix(values, tuple(dimensions)), type_
        return values, type_

    def data_value(self) -> DataValue:
        """A DataValue."""
        start = self.pos
        plain = _PLAIN_NUMBERS.get(self.data[start : start + 2])
        if plain is not None:
            parts = plain.unpack_from(self.data, start)
            self.pos += plain.size
            mask, type_ = self.data[start], self.data[start + 1]
            status = parts[1] if mask & 0x02 else 0
            if mask & 0x08:
                return DataValue(parts[0], type_, status, _time_us(parts[-2]), _time_us(parts[-1]))
            return DataValue(parts[0], type_, status, _time_us(parts[-1]), None)
        mask = self.u8()
        value, type_ = self.variant() if mask & 0x01 else (None, 0)
        status = self.u32() if mask & 0x02 else 0
        source_us = self.time_us() if mask & 0x04 else None
        if mask & 0x10:
            self.number(_U16)
        server_us = self.time_us() if mask & 0x08 else None
        if mask & 0x20:
            self.number(_U16)
        return DataValue(value, type_, status, source_us, server_us)

    def nested(self, read: Callable[[Reader], Any]) -> Any:
        """What may hold itself, to a depth that no honest server needs."""
        with self._deeper():
            return read(self)

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise WireError("values within values without end")
        yield
        self._depth -= 1


def _time_us(ticks: int) -> int | None:
    time_us = (ticks - _EPOCH_TICKS) // 10
    return time_us if ticks > 0 and _YEAR_1_US <= time_us < _YEAR_10000_US else None


_OTHERS: Final[dict[int, Callable[[Reader], Any]]] = {
    STRING: Reader.text,
    DATE_TIME: Reader.time_us,
    GUID: Reader.guid,
    BYTE_STRING: Reader.bytes_,
    XML_ELEMENT: Reader.text,
    17: Reader.node,
    18: Reader.node,
    20: Reader.name,
    LOCALIZED_TEXT: Reader.localized,
    EXTENSION_OBJECT: Reader.structure,
    23: lambda reader: reader.nested(lambda inner: inner.data_value().value),
    24: lambda reader: reader.nested(lambda inner: inner.variant()[0]),
    DIAGNOSTIC_INFO: Reader.diagnostics,
}
