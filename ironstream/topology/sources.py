"""The files of a topology as one thing: read, told apart, and packed into a record of Kafka."""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

import msgspec

from ironstream.errors import DecodeError


@dataclass(frozen=True, slots=True)
class Sources:
    """Text of each file by its path, which is relative to the folder of `root`, with `/`; `root` names the others.

    `unread` tells of files that are named and could not be read, why: with any of them no topology is good.
    """

    root: str
    files: Mapping[str, bytes]
    unread: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def single(cls, text: bytes, name: str = "topology.yaml") -> Sources:
        """A topology of one file."""
        return cls(name, {name: text})

    @property
    def text(self) -> bytes:
        """The file that names the others."""
        return self.files[self.root]

    @property
    def sha256(self) -> str:
        """Tells these texts from all others; what the files are called matters only where there are several."""
        if len(self.files) == 1 and not self.unread:
            return sha256(self.text).hexdigest()
        digest = sha256()
        for name, text in sorted(self.files.items()):
            digest.update(f"{name}\0{len(text)}\0".encode() + text)
        for name, reason in sorted(self.unread.items()):
            digest.update(f"{name}\0{reason}\0".encode())
        return digest.hexdigest()

    def packed(self) -> str:
        """For a record."""
        return b64encode(zlib.compress(_encoder.encode(_Packed(self.root, dict(self.files))), 6)).decode()

    @classmethod
    def unpacked(cls, packed: str) -> Sources:
        """What was packed. Raises DecodeError."""
        try:
            found = _decoder.decode(zlib.decompress(b64decode(packed, validate=True)))
        except (ValueError, zlib.error, msgspec.DecodeError) as err:
            raise DecodeError("packed", f"holds no topology: {err}") from err
        if found.root not in found.files:
            raise DecodeError("packed", f"names {found.root!r} as its first file, and has none of that name")
        return cls(found.root, found.files)


class _Packed(msgspec.Struct):
    root: str
    files: dict[str, bytes]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(_Packed)
