"""What a replica can go on from: the rows of each partition as of a commit, and where that is in the changelog."""

from __future__ import annotations

import msgspec

from ironstream.engine.changelog import Marker, is_marker_of
from ironstream.engine.records import Records
from ironstream.errors import EngineError


class ForeignCopyError(EngineError):
    """A copy that was not taken from this changelog."""


class PartitionCopy(msgspec.Struct, frozen=True):
    """Rows as of the commit that `marker`, at `marker_offset`, ends. `claim` is that of its worker."""

    claim: bytes
    marker: Marker
    marker_offset: int
    rows: dict[bytes, bytes]

    def check(self, topic: str, first: Records) -> None:
        """Look whether the first records from `marker_offset` on are those after the copy. Raises ForeignCopyError.

        A newer marker of the same claim takes the old one's place when the log is compacted: that is no difference.
        """
        if first[0].offset == self.marker_offset and not is_marker_of(self.claim, first[0].key):
            raise ForeignCopyError(
                f"The copy of {topic} is not from this log: no marker of it is at offset {self.marker_offset}.",
                "Was the topic deleted, or is the Kafka another one? It is read anew.",
            )
