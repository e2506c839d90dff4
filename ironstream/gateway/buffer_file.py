"""The gateway's records on disk: a SQLite file, written by one thread of one process. Others decide when."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Final, NamedTuple

from ironstream.gateway.chunks import Chunk, chunk_bytes, pack, split, unpack
from ironstream.gateway.locked_database import BufferFault, LockedDatabase
from ironstream.gateway.outgoing import Outgoing, Priority
from ironstream.gateway.overflow import Overflow

_FORMAT: Final = 1
_CHUNK_BYTES: Final = 64 * 1024
_CHUNKS_OF_CAP: Final = 16
"""Dropped are whole chunks: a small buffer has small ones."""
_EXPIRED_AT_ONCE: Final = 100
_SPARE_PAGES: Final = 4_000
_SETTINGS: Final = (
    "auto_vacuum = INCREMENTAL",
    "journal_mode = WAL",
    "synchronous = FULL",
    "journal_size_limit = 8388608",
)
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS chunks (
    id INTEGER PRIMARY KEY, priority INTEGER NOT NULL, records INTEGER NOT NULL, bytes INTEGER NOT NULL,
    stored_s REAL NOT NULL, packed BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS by_priority ON chunks (priority, id, records, bytes);
CREATE TABLE IF NOT EXISTS overflow (asset BLOB PRIMARY KEY, tally BLOB NOT NULL);
PRAGMA user_version = 1;
"""
_CANDIDATES: Final = (
    "SELECT id, priority, records, bytes, stored_s, packed FROM chunks INDEXED BY by_priority WHERE priority "
)


class Appended(NamedTuple):
    """What came of writing records: the chunk that each is in, and the chunks that had to make room."""

    ids: list[int]
    dropped: list[Chunk]


class _Candidate(NamedTuple):
    """A row that may be dropped."""

    id: int
    priority: int
    records: int
    size: int
    stored_s: float
    packed: bytes


class BufferFile:
    """An open file, locked against other processes. Every method raises BufferFault, and has then changed nothing.

    What is written is on the disk when a method returns: it survives a crash of the process and of the machine. Ids
    grow in the order of writing and are not used again. `overflow` counts what was dropped; the file keeps that too.
    """

    def __init__(self, path: Path, max_bytes: int, first_id: int = 1) -> None:
        self.records: Counter[Priority] = Counter()
        self.bytes: Counter[Priority] = Counter()
        self.overflow = Overflow()
        self.newest_s = 0.0
        """When the newest record was stored that was there at the opening; 0: there was none."""
        self._max_bytes = max_bytes
        self._next_id = first_id
        self._file = LockedDatabase(path)
        self._db = self._file.db
        try:
            with self._file.faults():
                self._prepare()
        except BaseException:
            self._file.close()
            raise

    def _prepare(self) -> None:
        (version,) = self._db.execute("PRAGMA user_version").fetchone()
        if version not in (0, _FORMAT):
            raise BufferFault(
                f"the buffer {self._file.path} has format {version}, this release knows {_FORMAT}",
                "run the newer release until the buffer is empty, or move the file away",
            )
        for setting in _SETTINGS:
            self._db.execute(f"PRAGMA {setting}").fetchall()
        self._db.executescript(_SCHEMA)
        self._recount()
        self._restore_overflow()
        newest = self._db.execute("SELECT id, stored_s FROM chunks ORDER BY id DESC LIMIT 1").fetchone()
        if newest is not None:
            self._next_id, self.newest_s = max(self._next_id, int(newest[0]) + 1), float(newest[1])

    @property
    def is_full(self) -> bool:
        """Whether what may never be dropped has reached the cap."""
        return self.bytes[Priority.ALARM] >= self._max_bytes

    @property
    def next_id(self) -> int:
        """The id that the next chunk gets."""
        return self._next_id

    def after(self, chunk_id: int) -> int:
        """How many records are in chunks with a higher id."""
        with self._file.faults():
            found = self._db.execute("SELECT coalesce(sum(records), 0) FROM chunks WHERE id > ?", (chunk_id,))
            return int(found.fetchone()[0])

    def oldest_s(self) -> float | None:
        """When the oldest record was stored; None: there is none."""
        with self._file.faults():
            found = self._db.execute("SELECT stored_s FROM chunks ORDER BY id LIMIT 1").fetchone()
            return None if found is None else float(found[0])

    def append(self, in_flight: Sequence[Outgoing], queued: Sequence[Outgoing], now_s: float, taken: int) -> Appended:
        """Write records that are on their way already, then others, and make room for them.

        Dropped is the oldest of the lowest priority, never an alarm, nothing up to the id `taken`, and nothing that is
        on its way.
        """
        with self._transaction():
            first, first_queued = self._insert(in_flight, self._next_id, now_s)
            others, next_id = self._insert(queued, first_queued, now_s)
            added = [*first, *others]
            rows = self._excess(sum(row[3] for row in added), max(taken, first_queued - 1) if in_flight else taken)
            dropped = self._drop(rows)
        self._next_id = next_id
        ids = [0] * (len(in_flight) + len(queued))
        for base, part in ((0, first), (len(in_flight), others)):
            for chunk_id, priority, places, size in part:
                self.records[priority] += len(places)
                self.bytes[priority] += size
                for place in places:
                    ids[base + place] = chunk_id
        self._forget(rows)
        return Appended(ids, dropped)

    def expire(self, before_s: float, taken: int) -> list[Chunk]:
        """Drop what was stored before `before_s`, never an alarm, and nothing up to the id `taken`."""
        with self._transaction():
            rows: list[_Candidate] = []
            for priority in Priority:
                if priority is not Priority.ALARM:
                    found = self._db.execute(
                        _CANDIDATES + "= ? AND id > ? ORDER BY id LIMIT ?", (int(priority), taken, _EXPIRED_AT_ONCE)
                    )
                    rows += takewhile(lambda row: row.stored_s < before_s, map(_Candidate._make, found))
            dropped = self._drop(rows)
        self._forget(rows)
        return dropped

    def read(self, after: int, max_bytes: int) -> list[Chunk]:
        """The oldest chunks above the id `after`: at least one if there is any, then as many as `max_bytes` hold."""
        chunks: list[Chunk] = []
        with self._file.faults():
            found = self._db.execute(
                "SELECT id, priority, bytes, packed FROM chunks WHERE id > ? ORDER BY id", (after,)
            )
            for chunk_id, number, size, packed in found:
                priority = Priority(number)
                chunks.append(Chunk(chunk_id, priority, unpack(priority, packed)))
                max_bytes -= size
                if max_bytes <= 0:
                    break
        return chunks

    def remove(self, ids: Iterable[int]) -> int:
        """Delete chunks of which Kafka has all; how many there were."""
        with self._transaction():
            deleted: int = self._db.executemany("DELETE FROM chunks WHERE id = ?", ((one,) for one in ids)).rowcount
        with self._file.faults():
            self._recount()
        return deleted

    def tell(self, assets: Iterable[bytes], now_s: float, time: str, hostname: str) -> int:
        """Put what was dropped of these assets into records of their own; how many. They are never dropped."""
        assets = list(assets)
        stem = uuid.uuid4().hex
        records = [
            record
            for number, asset in enumerate(assets)
            for record in self.overflow.records(asset, record_id=f"{stem}/{number}", hostname=hostname, time=time)
        ]
        with self._transaction():
            _, next_id = self._insert(records, self._next_id, now_s)
            self._db.executemany("DELETE FROM overflow WHERE asset = ?", ((asset,) for asset in assets))
        self._next_id = next_id
        with self._file.faults():
            self._recount()
        for asset in assets:
            self.overflow.forget(asset)
        return len(records)

    def shrink(self) -> None:
        """Give the disk back what an emptied file does not need, if that is much."""
        with self._file.faults():
            if self._db.execute("PRAGMA freelist_count").fetchone()[0] > _SPARE_PAGES:
                self._db.execute("PRAGMA incremental_vacuum").fetchall()
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Let go of the file and its lock; may be repeated, raises nothing."""
        self._file.close()

    def _insert(
        self, records: Sequence[Outgoing], next_id: int, now_s: float
    ) -> tuple[list[tuple[int, Priority, list[int], int]], int]:
        """Id, priority, places and bytes of each chunk written, and the id after them."""
        written = []
        for priority, places in split(records, min(_CHUNK_BYTES, self._max_bytes // _CHUNKS_OF_CAP)):
            packed = pack([records[place] for place in places])
            row = (next_id, int(priority), len(places), chunk_bytes(packed), now_s, packed)
            self._db.execute("INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?)", row)
            written.append((next_id, priority, places, chunk_bytes(packed)))
            next_id += 1
        return written, next_id

    def _excess(self, added: int, taken: int) -> list[_Candidate]:
        excess = self.bytes.total() + added - self._max_bytes
        rows: list[_Candidate] = []
        if excess > 0:
            found = self._db.execute(_CANDIDATES + "< ? AND id > ? ORDER BY priority, id", (int(Priority.ALARM), taken))
            for row in map(_Candidate._make, found):
                rows.append(row)
                excess -= row.size
                if excess <= 0:
                    break
        return rows

    def _drop(self, rows: Sequence[_Candidate]) -> list[Chunk]:
        chunks = [Chunk(row.id, Priority(row.priority), unpack(Priority(row.priority), row.packed)) for row in rows]
        counted = {self.overflow.add(record.topic, record.value) for chunk in chunks for record in chunk.records}
        assets = [asset for asset in counted if asset is not None]
        self._db.executemany("DELETE FROM chunks WHERE id = ?", ((row.id,) for row in rows))
        self._db.executemany(
            "INSERT OR REPLACE INTO overflow VALUES (?, ?)", ((asset, self.overflow.encoded(asset)) for asset in assets)
        )
        return chunks

    def _recount(self) -> None:
        self.records.clear()
        self.bytes.clear()
        for number, records, size in self._db.execute(
            "SELECT priority, sum(records), sum(bytes) FROM chunks GROUP BY priority"
        ):
            self.records[Priority(number)] = records
            self.bytes[Priority(number)] = size

    def _forget(self, rows: Iterable[_Candidate]) -> None:
        for row in rows:
            self.records[Priority(row.priority)] -= row.records
            self.bytes[Priority(row.priority)] -= row.size

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            with self._file.transaction():
                yield
        except BaseException:
            # what was counted in it did not happen
            with self._file.faults():
                self._restore_overflow()
            raise

    def _restore_overflow(self) -> None:
        self.overflow = Overflow()
        for asset, tally in self._db.execute("SELECT asset, tally FROM overflow"):
            self.overflow.restore(asset, tally)
