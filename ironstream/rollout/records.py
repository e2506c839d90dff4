"""Records of config.topology: versions, proposals and changes in partition 0, whose order is their order."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from ironstream.errors import DecodeError

ORDER_PARTITION: Final = 0


class Version(msgspec.Struct, frozen=True, tag_field="kind", tag="version"):
    """A text of topology.yaml that was found good. `parent` is the version that held when it was written.

    A canary is made of two others: `candidate` for what belongs to `gateway`, `parent` for everything else.
    """

    number: int
    sha256: str
    packed: str
    """`topology.sources.Sources`."""
    author: str
    reason: str
    time: str
    parent: int | None = None
    candidate: int | None = None
    gateway: str | None = None

    @property
    def key(self) -> bytes:
        """Different for different texts that took the same number at once: compaction must keep the first."""
        return f"version/{self.number}/{self.sha256}".encode()


class Proposal(msgspec.Struct, frozen=True, tag_field="kind", tag="proposal"):
    """Asks everyone who follows the log whether they could take a version; nothing takes effect by it."""

    id: str
    version: int
    author: str
    time: str

    @property
    def key(self) -> bytes:
        """The last proposal is enough: the answers name its id."""
        return b"proposal"


class Change(msgspec.Struct, frozen=True, tag_field="kind", tag="change"):
    """From here on `version` holds, for everyone. `number` counts the changes from 1; of two with one number the first
    counts. `before` is the version that held until then.
    """

    number: int
    id: str
    version: int
    action: Literal["start", "apply", "canary", "promote", "rollback"]
    author: str
    reason: str
    time: str
    before: int | None = None

    @property
    def key(self) -> bytes:
        """Each its own: the log keeps all changes there ever were."""
        return f"change/{self.number}/{self.id}".encode()


Entry = Version | Proposal | Change
_decoder: Final[msgspec.json.Decoder[Entry]] = msgspec.json.Decoder(Entry)


def encode_entry(entry: Entry) -> bytes:
    """Value of a record."""
    return msgspec.json.encode(entry)


def decode_entry(value: bytes | None) -> Entry:
    """What a record of the order partition says. Raises DecodeError: a newer release may write what we do not know."""
    try:
        return _decoder.decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError) as err:
        raise DecodeError("value", f"no entry of the log of topologies: {err}") from err
