"""RocksDB of one partition: its options, how it is opened, and what is done about one that is damaged.

The local copy can always be rebuilt from the changelog, so a damaged one is removed, loudly. What is not damage (a full
disk, missing rights) is an error: removing the copy would not mend it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import structlog
from rocksdict import BlockBasedOptions, Cache, DBCompressionType, Options, Rdict, WriteBufferManager

from ironstream.errors import StoreError

log = structlog.get_logger(__name__)

DAMAGED: Final = "DAMAGED"
"""A file of this name in the folder says that damage was found while the copy was in use."""
_SIGNS_OF_DAMAGE: Final = ("Corruption", "No such file or directory")
# ENOSPC, EFBIG and EDQUOT in the words of the C library
_SIGNS_OF_FULL: Final = ("No space left", "File too large", "quota exceeded")


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
        options.set_paranoid_checks(True)
        options.set_block_based_table_factory(table)
        options.set_compression_type(DBCompressionType.lz4())
        options.set_write_buffer_manager(self._buffers)
        options.set_write_buffer_size(self._write_buffer_mb * 1024 * 1024)
        options.set_max_write_buffer_number(2)
        options.set_max_background_jobs(2)
        options.set_keep_log_file_num(2)
        options.set_max_open_files(128)
        return options


@contextmanager
def speaking(path: Path) -> Iterator[None]:
    """Turn what RocksDB raises into a StoreError; damage is noted in the folder, so that the next start rebuilds it."""
    try:
        yield
    except Exception as err:  # rocksdict raises Exception itself, and says in words what happened
        if isinstance(err, StoreError):
            raise
        raise store_error(path, err) from err


def store_error(path: Path, err: Exception) -> StoreError:
    """The StoreError for what RocksDB raised."""
    words = str(err)
    if any(sign in words for sign in _SIGNS_OF_FULL):
        return StoreError(
            f"There is no room for the local copy {path}: {words}",
            "Make room on that disk, then start the worker again: it goes on from its last commit, nothing is lost.",
        )
    if any(sign in words for sign in _SIGNS_OF_DAMAGE):
        note_damage(path)
        return StoreError(
            f"The local copy {path} is damaged: {words}",
            "Start the worker again: it rebuilds the copy from the changelog. If it happens again, look at the disk.",
            damaged=True,
        )
    return StoreError(
        f"The local copy {path} cannot be used: {words}",
        "Mend the disk or the rights of the folder, then start the worker again; nothing is lost.",
    )


def note_damage(path: Path) -> None:
    """Have the next start rebuild the copy."""
    try:
        (path / DAMAGED).touch()
    except OSError as err:
        log.error("the damage of a local copy cannot be noted, remove it by hand", path=str(path), error=str(err))


def open_database(path: Path, options: StoreOptions) -> Rdict:
    """The database in `path`: made when there is none, made anew when it is damaged. Raises StoreError."""
    if (path / DAMAGED).exists():
        discard(path, "damage was found while it was in use")
    try:
        return _open(path, options)
    except StoreError as err:
        if not err.damaged:
            raise
        discard(path, err.message)
    return _open(path, options)


def discard(path: Path, why: str) -> None:
    """Remove a local copy, loudly; the changelog rebuilds it. Raises StoreError when it cannot be removed."""
    log.error("local copy removed, it is rebuilt from the changelog", path=str(path), why=why)
    remove(path)


def remove(path: Path) -> None:
    """Remove a local copy. Raises StoreError when it cannot be removed: what is left of it must not be used."""
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        return
    except OSError as err:
        raise StoreError(f"The local copy {path} cannot be removed: {err}", "Remove it by hand.") from err


def check_end(database: Rdict, last: bytes, path: Path) -> None:
    """Raise StoreError if what follows `last` cannot be read: rocksdict's iterators end there as if all were well."""
    with speaking(path):
        iterator = database.iter()
        iterator.seek(last)
        if iterator.valid():
            iterator.next()
        iterator.status()


def _open(path: Path, options: StoreOptions) -> Rdict:
    with speaking(path):
        path.mkdir(parents=True, exist_ok=True)
        return Rdict(str(path), options.make())
