"""What is on its way to Kafka at one time, and how much that should be. No I/O."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from ironstream.gateway.outgoing import Outgoing

_LEAST: Final = 256 * 1024
_LARGEST: Final = 8 * 1024 * 1024
_SHORT_S: Final = 0.25
_LONG_S: Final = 2.0


class RoundSize:
    """Bytes of the next round: a slow line gets small ones, none of which takes longer than Kafka's timeouts."""

    def __init__(self) -> None:
        self.bytes = _LEAST

    def adapt(self, took_s: float, *, backlog: bool) -> None:
        """The last round took so long; `backlog`: more is waiting."""
        if took_s > _LONG_S:
            self.bytes = max(_LEAST, self.bytes // 2)
        elif took_s < _SHORT_S and backlog:
            self.bytes = min(_LARGEST, self.bytes * 2)


class Round:
    """Records that are on their way together. `ids` are their chunks on disk, 0 where one is in memory only.

    `done` is 1 for each record that is acknowledged or refused; `remaining` counts the others.
    """

    __slots__ = ("bytes", "done", "ids", "records", "remaining")

    def __init__(self) -> None:
        self.records: list[Outgoing] = []
        self.ids: list[int] = []
        self.done = bytearray()
        self.remaining = 0
        self.bytes = 0

    def add(self, record: Outgoing, chunk_id: int = 0) -> None:
        """One more record, after all others."""
        self.records.append(record)
        self.ids.append(chunk_id)
        self.done.append(0)
        self.remaining += 1
        self.bytes += record.size

    def fill(self, queue: deque[Outgoing], max_bytes: int) -> None:
        """Take records off the front of a queue until the round has `max_bytes`."""
        before, size = len(self.records), self.bytes
        while queue and size < max_bytes:
            record = queue.popleft()
            size += record.size
            self.records.append(record)
        added = len(self.records) - before
        self.ids += [0] * added
        self.done += bytes(added)
        self.remaining += added
        self.bytes = size

    @property
    def left(self) -> list[int]:
        """Places of the records that are not done."""
        return [place for place, done in enumerate(self.done) if not done]

    @property
    def done_on_disk(self) -> list[int]:
        """The chunks that are done with."""
        if not any(self.ids):
            return []
        open_ids = {self.ids[place] for place in self.left}
        return sorted(set(self.ids) - open_ids - {0})

    def settle(self, places: Iterable[int]) -> None:
        """These records are done."""
        for place in places:
            self.done[place] = 1
            self.remaining -= 1
            self.records[place].settle()

    def rest(self) -> Round:
        """A round of what is not done."""
        rest = Round()
        for place in self.left:
            rest.add(self.records[place], self.ids[place])
        return rest
