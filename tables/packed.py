"""Rows that are one element of a numpy column: a byte of layout version, the element's bytes, an optional rest."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ironstream.errors import EngineError


class PackedLayout:
    """Layout of a table whose rows are elements of `dtype`, each with an optional rest (msgpack).

    Any change of `dtype` needs a new `version`: a row of another version is refused.
    """

    def __init__(self, name: str, prefix: bytes, version: int, dtype: np.dtype[Any]) -> None:
        self.name = name
        self.prefix = prefix
        self.dtype = dtype
        self._version = bytes([version])
        self._length = 1 + dtype.itemsize

    def pack(self, column: NDArray[Any], at: int, rest: dict[str, Any] | None = None) -> bytes:
        """The row of element `at`."""
        row: bytes = self._version + column[at].tobytes()
        return row + msgspec.msgpack.encode(rest) if rest else row

    def unpack(self, row: bytes) -> tuple[Any, dict[str, Any]]:
        """Element and rest. Raises EngineError for a row of another layout."""
        element, rest = self.split(row)
        return np.frombuffer(element, self.dtype, 1)[0], rest

    def split(self, row: bytes) -> tuple[bytes, dict[str, Any]]:
        """Bytes of the element, and the rest. For many rows: `join` makes a column of the elements."""
        self._check(row)
        rest = msgspec.msgpack.decode(row[self._length :]) if len(row) > self._length else {}
        return row[1 : self._length], rest

    def join(self, elements: list[bytes]) -> NDArray[Any]:
        """The column of elements that `split` gave."""
        return np.frombuffer(b"".join(elements), self.dtype)

    def _check(self, row: bytes) -> None:
        if row[:1] != self._version or len(row) < self._length:
            raise EngineError(
                f"table {self.name}: a row has layout {row[:1].hex() or 'none'}, "
                f"this release reads {self._version.hex()}",
                "run the release that wrote it, or delete the changelog topic and let the worker start from raw",
            )
