"""Rows of one partition: a write-behind overlay in memory over the partition's own RocksDB.

RocksDB is only written by a commit, rows and offsets in one WriteBatch, after the changelog has the same rows: the
local copy is never ahead of the truth.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, cast

import msgspec
from rocksdict import (
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
    WriteBatch,
    WriteBufferManager,
    WriteOptions,
)

from ironstream.engine.changelog import Row

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


class StoreOptions:
    """RocksDB options of a worker; one cache, for blocks and memtables together, is shared by all its partitions."""

    def __init__(self, cache_mb: int = 64, write_buffer_mb: int = 4) -> None:
        self._cache = Cache(cache_mb * 1024 * 1024)
        self._buffers = WriteBufferManager.new_write_buffer_manager_with_cache(
            cache_mb * 512 * 1024, allow_stall=False, cache=self._cache
        )
        self._write_buffer_mb = write_buffer_mb

    def make(self) -> Options:
        """Fresh options for one partition's database."""
        table = BlockBasedOptions()
        table.set_block_cache(self._cache)
        table.set_bloom_filter(10, block_based=False)
        table.set_cache_index_and_filter_blocks(True)
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_block_based_table_factory(table)
        options.set_compression_type(DBCompressionType.lz4())
        options.set_write_buffer_manager(self._buffers)
        options.set_write_buffer_size(self._write_buffer_mb * 1024 * 1024)
        options.set_max_write_buffer_number(2)
        options.set_max_background_jobs(2)
        options.set_keep_log_file_num(2)
        options.set_max_open_files(128)
        return options


class PartitionStore:
    """The rows of one partition of one agent. Implements `engine.api.Store`.

    Reads see uncommitted changes. `take_changes` hands the changes to a commit, which ends with `write`.
    """

    def __init__(self, path: Path, options: StoreOptions) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._db = Rdict(str(path), options.make())
        self._changes: dict[bytes, bytes | None] = {}
        self._in_commit: dict[bytes, bytes | None] = {}

    @staticmethod
    def destroy(path: Path) -> None:
        """Remove the local copy; the changelog can always rebuild it."""
        shutil.rmtree(path, ignore_errors=True)

    def get(self, key: bytes) -> bytes | None:
        """The row of `key`, or None."""
        for overlay in (self._changes, self._in_commit):
            if key in overlay:
                return overlay[key]
        value: bytes | None = self._db.get(key)
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
        stored = cast("Iterable[tuple[bytes, bytes]]", self._db.items(from_key=prefix))
        for key, value in stored:
            if not key.startswith(prefix):
                break
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
        self._db.write(batch, _NO_LOG)
        self._in_commit = {}

    def committed(self) -> LocalCommit | None:
        """The last commit in the local copy; None for a new one or one in another format."""
        raw = self._db.get(_COMMIT_KEY)
        if raw is None:
            return None
        try:
            commit = msgspec.msgpack.decode(raw, type=LocalCommit)
        except msgspec.DecodeError:
            return None
        return commit if commit.format == _FORMAT else None

    def close(self) -> None:
        """Write out what is in memory and close the database; nothing may be called afterwards."""
        self._db.flush()
        self._db.close()
