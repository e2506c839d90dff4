"""How a row of a table lies in the store: `prefix + key`, and one byte of layout version before MessagePack."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Generic, TypeVar

import msgspec

from ironstream.errors import EngineError

T = TypeVar("T")


@dataclass(frozen=True)
class RowLayout(Generic[T]):
    """Layout of one table. A field may be added with a default without a new version; any other change needs one.

    `prefix` keeps the tables of one agent apart in their common changelog.
    """

    name: str
    prefix: bytes
    version: int
    type: type[T]
    _decoder: msgspec.msgpack.Decoder[T] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_decoder", msgspec.msgpack.Decoder(self.type))

    def key(self, name: str) -> bytes:
        """Key of the row in the store."""
        return self.prefix + name.encode()

    def name_of(self, key: bytes) -> str:
        """The name that `key` was made of."""
        return key[len(self.prefix) :].decode()

    def pack(self, row: T) -> bytes:
        """Bytes of a row."""
        return bytes((self.version,)) + msgspec.msgpack.encode(row)

    def unpack(self, data: bytes) -> T:
        """Row of `data`. Raises EngineError for a layout this release does not know, or bytes that are none."""
        if data[:1] != bytes((self.version,)):
            raise EngineError(
                f"table {self.name}: a row has layout version {data[0] if data else 'none'}, expected {self.version}",
                "run the release that wrote it, or one that lists this version in its upgrade notes",
            )
        try:
            return self._decoder.decode(memoryview(data)[1:])
        except msgspec.MsgspecError as err:
            raise EngineError(
                f"table {self.name}: a row cannot be read: {err}",
                "stop the worker, delete its local data directory and start it: the table is restored from Kafka",
            ) from err
