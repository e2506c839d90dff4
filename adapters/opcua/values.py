"""Decoded values to the plain numbers and texts that readings and events carry. Pure."""

from __future__ import annotations

import base64
import math
import re
import uuid
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final, NamedTuple

from adapters.opcua.status import symbol
from adapters.opcua.types import Record, TypeBook
from adapters.opcua.wire import DATE_TIME, STATUS_CODE, Matrix, Name, Node, Structure
from ironstream.gateway.adapter import NOT_A_NUMBER, Value
from ironstream.gateway.envelope import iso

NO_VALUE: Final = "no_value"
_UNSUITABLE: Final = re.compile(r"[^A-Za-z0-9._-]")


class Leaf(NamedTuple):
    """One plain value of a node. `path` is what comes after the name of the tag: "" for the node's own value.

    `reason` says why there is no value.
    """

    path: str
    value: Value
    is_text: bool = False
    reason: str | None = None


def leaves(value: Any, type_: int, book: TypeBook, limit: int) -> list[Leaf]:
    """The plain values in a value of a built-in type, at most `limit` of them.

    An array is `.0`, `.1`, …, one of more dimensions `.0.0`, …, a structure `.field`. Numbers that are not finite have
    no value. Raises UnknownTypeError or WireError.
    """
    return list(islice(_walk("", value, type_, book), limit))


def _walk(path: str, value: Any, type_: int, book: TypeBook) -> Iterator[Leaf]:
    match value:
        case Structure():
            yield from _walk(path, book.decode(value), type_, book)
        case Record():
            for part in value.fields:
                yield from _walk(f"{path}.{_UNSUITABLE.sub('_', part.name)}", part.value, part.type, book)
        case Matrix():
            for number, inner in enumerate(value.values):
                yield from _walk(path + _place(number, value.dimensions), inner, type_, book)
        case list():
            for index, inner in enumerate(value):
                yield from _walk(f"{path}.{index}", inner, type_, book)
        case _:
            yield _leaf(path, value, type_)


def _place(number: int, dimensions: tuple[int, ...]) -> str:
    """Where the value of this number is in a matrix: `.row.column`; its dimensions are only what the server says."""
    place = ""
    for size in reversed(dimensions[1:]):
        number, index = divmod(number, max(size, 1))
        place = f".{index}{place}"
    return f".{number}{place}"


def _leaf(path: str, value: Any, type_: int) -> Leaf:
    if value is None:
        return Leaf(path, None, reason=NO_VALUE)
    if type_ == DATE_TIME and isinstance(value, int):
        return Leaf(path, iso(value), is_text=True)
    if type_ == STATUS_CODE and isinstance(value, int):
        return Leaf(path, symbol(value), is_text=True)
    match value:
        case float() if not math.isfinite(value):
            return Leaf(path, None, reason=NOT_A_NUMBER)
        case bool() | int() | float():
            return Leaf(path, value)
        case str():
            return Leaf(path, value, is_text=True)
        case uuid.UUID():
            return Leaf(path, str(value), is_text=True)
        case bytes():
            return Leaf(path, base64.b64encode(value).decode("ascii"), is_text=True)
        case Name():
            return Leaf(path, value.name or "", is_text=True)
        case Node():
            return Leaf(path, f"ns={value.namespace};{value.identifier!s}", is_text=True)
    return Leaf(path, None, reason=NO_VALUE)
