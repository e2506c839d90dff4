"""Where the agents of a shadow put what they make: what another agent takes, on a shadow topic; all else is counted."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from ironstream.contract import Topic
from ironstream.engine.api import Headers, Pieces
from ironstream.engine.outbox import Outbox, OutputRow
from ironstream.engine.pieces import records_of_pieces
from ironstream.engine.records import Records
from ironstream.whatif.tally import Tally

_HANDED_ON: Final = (Topic.EVENTS_RAW, Topic.ALARMS_RAW)


class ShadowOutputs:
    """Outputs of one agent of one side on one partition. Implements `engine.api.Outputs`.

    `clean` collects the clean readings of a chunk; whoever runs the agent takes them out.
    """

    def __init__(self, tally: Tally, side: int, outbox: Outbox, prefix: str, partition: int) -> None:
        self.clean: list[Records] = []
        self._tally = tally
        self._side = side
        self._outbox = outbox
        self._prefix = prefix
        self._partition = partition

    def send(
        self, topic: str, key: bytes | None, value: bytes | None, timestamp_ms: int, headers: Headers = ()
    ) -> None:
        """Take one record for `topic` (name without any prefix)."""
        self.send_many(topic, [(timestamp_ms, key, value, headers)])

    def send_many(self, topic: str, rows: Iterable[OutputRow]) -> None:
        """Take records for `topic`, in order."""
        if topic in _HANDED_ON:
            self._outbox.lane(self._prefix + topic, self._partition).extend(rows)
            return
        for _, _, value, headers in rows:
            self._tally.take(self._side, topic, value, headers)

    def send_pieces(self, topic: str, pieces: Pieces) -> None:
        """Take clean readings, in order; nothing else comes in pieces."""
        assert topic == Topic.TELEMETRY_CLEAN
        self.clean.extend(records_of_pieces(pieces))
