"""Where the agents of a shadow put what they make: what another agent takes, on a shadow topic; all else is counted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

import msgspec
import numpy as np

from ironstream.contract import Evidence, Topic
from ironstream.engine.api import Chunk, Headers, Pieces
from ironstream.engine.outbox import Outbox, OutputRow
from ironstream.engine.pieces import records_of_pieces
from ironstream.engine.records import Records
from ironstream.whatif.tally import Tally

_HANDED_ON: Final = (Topic.EVENTS_RAW, Topic.ALARMS_RAW)


class _Caused(msgspec.Struct):
    """What is asked of a condition."""

    evidence: Evidence | None = None


_decode: Final = msgspec.json.Decoder(_Caused).decode


class ShadowOutputs:
    """Outputs of one agent of one side on one partition. Implements `engine.api.Outputs`.

    `begin` and `end` enclose each chunk. `clean` collects its clean readings; whoever runs the agent takes them out.
    """

    def __init__(self, tally: Tally, side: int, outbox: Outbox, prefix: str, partition: int) -> None:
        self.clean: list[Records] = []
        self._tally = tally
        self._side = side
        self._outbox = outbox
        self._prefix = prefix
        self._partition = partition
        self._chunk: Chunk | None = None
        self._handed_on: defaultdict[str, list[OutputRow]] = defaultdict(list)

    def begin(self, chunk: Chunk) -> None:
        """What comes from here on is made of this chunk."""
        self._chunk = chunk

    def end(self) -> None:
        """Hand on what was made of the chunk, in the order of what caused it."""
        for topic, rows in self._handed_on.items():
            rows.sort(key=lambda row: row[0])
            self._outbox.lane(self._prefix + topic, self._partition).extend(rows)
        self._handed_on.clear()

    def send(
        self, topic: str, key: bytes | None, value: bytes | None, timestamp_ms: int, headers: Headers = ()
    ) -> None:
        """Take one record for `topic` (name without any prefix)."""
        self.send_many(topic, [(timestamp_ms, key, value, headers)])

    def send_many(self, topic: str, rows: Iterable[OutputRow]) -> None:
        """Take records for `topic`, in order."""
        if topic in _HANDED_ON:
            caused = ((self._caused_ms(row), *row[1:]) for row in rows) if topic == Topic.ALARMS_RAW else rows
            self._handed_on[topic].extend(caused)
            return
        for _, _, value, headers in rows:
            self._tally.take(self._side, topic, value, headers)

    def send_pieces(self, topic: str, pieces: Pieces) -> None:
        """Take clean readings, in order; nothing else comes in pieces."""
        assert topic == Topic.TELEMETRY_CLEAN
        self.clean.extend(records_of_pieces(pieces))

    def _caused_ms(self, row: OutputRow) -> int:
        """When the record came that caused a condition.

        The agent says when the last of those came that it took at once. These are few where a worker keeps up, and many
        here: an operator's command may be in between.
        """
        assert self._chunk is not None
        cause = _decode(row[2] or b"{}").evidence
        offsets = self._chunk.records.offsets
        if cause is None or cause.topic != self._chunk.topic or cause.partition != self._chunk.partition:
            return row[0]
        at = int(np.searchsorted(offsets, cause.offset))
        if at == len(offsets) or offsets[at] != cause.offset:
            return row[0]
        return int(self._chunk.records.timestamps[at])
