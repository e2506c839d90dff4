"""Rows of one partition: a write-behind overlay in memory over the partition's own RocksDB.

RocksDB is only written by a commit, rows and offsets in one WriteBatch, after the changelog has the same rows: the
local copy is never ahead of the truth.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, cast

import msgspec
import structlog
from rocksdict import WriteBatch, WriteOptions

from ironstream.engine.changelog import Row
from ironstream.engine.database import StoreOptions, check_end, discard, open_database, remove, speaking, store_error
from ironstream.errors import StoreError

log = structlog.get_logger(__name__)

_COMMIT_KEY: Final = b"\x00commit"
_FORMAT: Final = 1
_NO_LOG: Final = WriteOptions()
# A memtable holds whole commits, so what a crash leaves is an earlier commit; the changelog has the rest.
_NO_LOG.disable_wal = True  # type: ignore[method-assign,assignment]  # an attribute; the stub calls it a method


class LocalCommit(msgspec.Struct, frozen=True):
    """Where the local copy stands: the offset after its last changelog record, and the marker it ends with."""

    claim: bytes
    changelog_offset: int
    source_offset: int
    number: int
    time_ms: int
    format: int = _FORMAT


class _Format(msgspec.Struct):
    """The part of a commit that every format has."""

    format: int = 0


class PartitionStore:
    """The rows of one partition of one agent. Implements `engine.api.Store`.

    Reads see uncommitted changes. `take_changes` hands the changes to a commit, which ends with `write`. Every method
    raises StoreError when RocksDB cannot read or write; a copy found to be damaged is rebuilt at the next start.
    """

    def __init__(self, path: Path, options: StoreOptions) -> None:
        """Open the copy in `path`; one that is damaged or of an older format is removed first, with an error logged.

        Raises StoreError for one of a newer format, and when there is no room or no right to open it.
        """
        self._path = path
        self._db = open_database(path, options)
        try:
            self._commit, unusable = self._look()
        except StoreError as err:
            if not err.damaged:
                raise
            self._commit, unusable = None, err.message
        if unusable:
            self._db.close()
            discard(path, unusable)
            self._db = open_database(path, options)
        self._changes: dict[bytes, bytes | None] = {}
        self._in_commit: dict[bytes, bytes | None] = {}

    def _look(self) -> tuple[LocalCommit | None, str]:
        """The commit found, and why the copy cannot be used (empty: it can)."""
        with speaking(self._path):
            raw = self._db.get(_COMMIT_KEY)
        if raw is None:
            return None, "it has rows but no commit" if next(self._stored(b""), None) is not None else ""
        try:
            found = msgspec.msgpack.decode(raw, type=_Format).format
        except msgspec.DecodeError:
            return None, "its commit cannot be read"
        if found > _FORMAT:
            self._db.close()
            raise StoreError(
                f"The local copy {self._path} has format {found}, this release reads up to {_FORMAT}.",
                "Run the newer release that wrote it; or remove the folder, and the changelog rebuilds the copy.",
            )
        if found < _FORMAT:
            return None, f"it has format {found}, this release reads {_FORMAT}"
        try:
            return msgspec.msgpack.decode(raw, type=LocalCommit), ""
        except msgspec.DecodeError:
            return None, "its commit cannot be read"

    @staticmethod
    def destroy(path: Path) -> None:
        """Remove the local copy; the changelog can always rebuild it. Raises StoreError when it cannot be removed."""
        remove(path)

    def get(self, key: bytes) -> bytes | None:
        """The row of `key`, or None."""
        for overlay in (self._changes, self._in_commit):
            if key in overlay:
                return overlay[key]
        try:
            value: bytes | None = self._db.get(key)
        except Exception as err:  # rocksdict raises Exception itself
            raise store_error(self._path, err) from err
        return value

    def put(self, key: bytes, value: bytes) -> None:
        """Set a row; durable with the next commit."""
        self._changes[key] = value

    def delete(self, key: bytes) -> None:
        """Remove a row; durable with the next commit."""
        self._changes[key] = None

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Rows whose key starts with `prefix`, in key order, uncommitted changes included."""
        overlay = {k: v for k, v in (self._in_commit | self._changes).items() if k.startswith(prefix)}
        pending = iter(sorted(overlay))
        ahead = next(pending, None)
        for key, value in self._stored(prefix):
            while ahead is not None and ahead < key:
                if (changed := overlay[ahead]) is not None:
                    yield ahead, changed
                ahead = next(pending, None)
            if key not in overlay and key != _COMMIT_KEY:
                yield key, value
        while ahead is not None:
            if (changed := overlay[ahead]) is not None:
                yield ahead, changed
            ahead = next(pending, None)

    def stored(self, first: bytes, end: bytes) -> Iterator[bytes]:
        """Keys of the rows from `first` up to but without `end`, in order, as the last commit left them."""
        last = first
        for key in cast("Iterable[bytes]", self._db.keys(from_key=first)):
            if key >= end:
                return
            last = key
            yield key
        check_end(self._db, last, self._path)

    def _stored(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Rows of the database whose key starts with `prefix`."""
        last = prefix
        for key, value in cast("Iterable[tuple[bytes, bytes]]", self._db.items(from_key=prefix)):
            if not key.startswith(prefix):
                return
            last = key
            yield key, value
        check_end(self._db, last, self._path)

    def take_changes(self) -> dict[bytes, bytes | None]:
        """The changes since the last call; they stay readable until `write` has stored them."""
        self._in_commit, self._changes = self._changes, {}
        return self._in_commit

    @property
    def has_changes(self) -> bool:
        """Whether anything waits for a commit."""
        return bool(self._changes)

    def heal(self, keys: Iterable[bytes]) -> None:
        """Mark rows to be written again as they stand (see `changelog.Replay.to_heal`)."""
        for key in keys:
            self._changes.setdefault(key, self.get(key))

    def write(self, rows: Iterable[Row], commit: LocalCommit) -> None:
        """Store rows and the commit they belong to, atomically."""
        batch = WriteBatch(raw_mode=True)
        for key, value in rows:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(_COMMIT_KEY, msgspec.msgpack.encode(commit))
        with speaking(self._path):
            self._db.write(batch, _NO_LOG)
        self._commit = commit
        self._in_commit = {}

    def committed(self) -> LocalCommit | None:
        """The last commit in the local copy; None for a new one."""
        return self._commit

    def close(self) -> None:
        """Write out what is in memory and close the database; nothing may be called afterwards.

        What cannot be written out is logged, not raised: the changelog has all of it.
        """
        # rocksdict's close writes out, too, and raises when it cannot
        for step in (self._db.flush, self._db.close):
            try:
                step()
            except Exception as err:  # rocksdict raises Exception itself
                found = store_error(self._path, err)
                log.error("local copy not written out, the changelog has it", error=found.message, hint=found.hint)
