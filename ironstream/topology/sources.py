"""The files of a topology as one thing: read, told apart, and packed into a record of Kafka."""

from __future__ import annotations

import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

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
        return _compressed(_Packed(self.root, dict(self.files)))

    @classmethod
    def unpacked(cls, packed: str) -> Sources:
        """What holds for the whole plant of what was packed: of a canary, the version that it goes back to. Raises
        DecodeError.
        """
        found = unpacked(packed)
        return found.parent if isinstance(found, CanarySources) else found


@dataclass(frozen=True, slots=True)
class CanarySources:
    """Two topologies: `candidate` for what belongs to `gateway`, `parent` for all else (`topology.canary`)."""

    gateway: str
    parent: Sources
    candidate: Sources

    @property
    def sha256(self) -> str:
        """Tells these texts from all others."""
        return sha256(f"{self.gateway}\0{self.parent.sha256}\0{self.candidate.sha256}".encode()).hexdigest()

    def packed(self) -> str:
        """For a record. A release that knows no canaries finds no topology in it."""
        parent, candidate = (_Packed(one.root, dict(one.files)) for one in (self.parent, self.candidate))
        return _compressed(_PackedCanary(self.gateway, parent, candidate))


def unpacked(packed: str) -> Sources | CanarySources:
    """What was packed, by either of them. Raises DecodeError."""
    try:
        found = _decoder.decode(zlib.decompress(b64decode(packed, validate=True)))
        if "gateway" not in found:
            return _sources(msgspec.convert(found, _Packed))
        canary = msgspec.convert(found, _PackedCanary)
        return CanarySources(canary.gateway, _sources(canary.parent), _sources(canary.candidate))
    except (ValueError, zlib.error, msgspec.DecodeError) as err:
        raise DecodeError("packed", f"holds no topology: {err}") from err


class _Packed(msgspec.Struct):
    root: str
    files: dict[str, bytes]


class _PackedCanary(msgspec.Struct):
    gateway: str
    parent: _Packed
    candidate: _Packed


def _compressed(packed: _Packed | _PackedCanary) -> str:
    return b64encode(zlib.compress(_encoder.encode(packed), 6)).decode()


def _sources(packed: _Packed) -> Sources:
    if packed.root not in packed.files:
        raise DecodeError("packed", f"names {packed.root!r} as its first file, and has none of that name")
    return Sources(packed.root, packed.files)


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(dict[str, Any])
