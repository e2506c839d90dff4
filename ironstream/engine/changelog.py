"""The changelog of one partition: rows, claims and markers, and how they are read back.

A changelog partition is written by one worker at a time. The worker opens with a *claim*; its commits are rows followed
by a *marker* that names the source offset which the rows reflect. Read back in order:

- a row counts once a marker of the same claim follows it;
- a newer claim fences every older one: what an older claim still writes (a worker that woke up too late) is dropped;
- a row that was dropped must be written again with its right value, or compaction could keep it in place of the
  right one. Such keys are collected in `Replay.to_heal`.

Every claim has keys of its own, so compaction keeps each claim and its last marker in their places.
Source: docs/adr/0002-batch-engine.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from ironstream.engine.api import Headers, Record, Records

CLAIM_ID_LENGTH: Final = 8
CLAIM_HEADER: Final = "claim"
_CONTROL: Final = b"\x00"
_CLAIM: Final = _CONTROL + b"claim/"
_MARKER: Final = _CONTROL + b"marker/"

Row = tuple[bytes, bytes | None]
"""Key and value; None deletes."""


class Marker(msgspec.Struct, frozen=True):
    """End of a commit: state is that of all source records before `source_offset`."""

    number: int
    source_offset: int
    topology_version: int
    time_ms: int


def claim_key(claim: bytes) -> bytes:
    """Key of the record with which the worker `claim` takes the partition."""
    return _CLAIM + claim


def marker_record(claim: bytes, marker: Marker) -> tuple[bytes, bytes]:
    """Key and value of a marker."""
    return _MARKER + claim, msgspec.json.encode(marker)


def is_marker_of(claim: bytes, key: bytes | None) -> bool:
    """Whether a record with this key is a marker of `claim`."""
    return key == _MARKER + claim


def row_record(claim: bytes, key: bytes, value: bytes | None) -> tuple[bytes, bytes | None, Headers]:
    """Key, value and headers of a row. A deletion has no value, so compaction can remove it; its claim is a header."""
    if value is None:
        return key, None, [(CLAIM_HEADER, claim)]
    return key, claim + value, ()


class Replay:
    """Reads changelog records in order and hands out what is committed.

    `claim` starts as that of the local copy (or empty). After each `feed`, `take` gives the rows that became final and
    `marker` is the last marker, with the claim it belongs to and its offset.
    """

    def __init__(self, claim: bytes = b"") -> None:
        self.claim = claim
        self.marker: Marker | None = None
        self.marker_claim = b""
        self.marker_offset = -1
        self.to_heal: set[bytes] = set()
        self._pending: list[Row] = []
        self._committed: list[Row] = []

    def feed(self, records: Iterable[Record]) -> None:
        """Take the next records of the partition."""
        for record in records:
            key, value = record.key, record.value
            if key is None:
                continue
            if key.startswith(_CONTROL):
                self._control(key, value, record.offset)
            elif value is None:
                self._row(key, None, dict(record.headers).get(CLAIM_HEADER, b""))
            else:
                self._row(key, value[CLAIM_ID_LENGTH:], value[:CLAIM_ID_LENGTH])

    def feed_columns(self, records: Records) -> None:
        """The same without an object per record: nearly all are rows of the claim in force."""
        raw, claim, control = records.buffer.tobytes(), self.claim, _CONTROL[0]
        for at, (_, _, key, key_end, value, value_end, *_) in enumerate(records.places.tolist()):
            row = value + CLAIM_ID_LENGTH
            if key_end > key and raw[key] != control and value_end >= row and raw[value:row] == claim:
                self._pending.append((raw[key:key_end], raw[row:value_end]))
            else:
                self.feed([records[at]])
                claim = self.claim

    def take(self) -> list[Row]:
        """Rows that became final since the last call."""
        rows, self._committed = self._committed, []
        return rows

    def _row(self, key: bytes, value: bytes | None, claim: bytes) -> None:
        if claim == self.claim:
            self._pending.append((key, value))
        else:
            self.to_heal.add(key)

    def _control(self, key: bytes, value: bytes | None, offset: int) -> None:
        if key.startswith(_CLAIM):
            self.to_heal.update(row_key for row_key, _ in self._pending)
            self._pending.clear()
            self.claim = key[len(_CLAIM) :]
        elif key == _MARKER + self.claim and value is not None:
            self._committed += self._pending
            self._pending = []
            self.marker = msgspec.json.decode(value, type=Marker)
            self.marker_claim, self.marker_offset = self.claim, offset
