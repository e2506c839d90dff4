"""The state that was read, kept in a file: a view that starts again reads only what the changelog got since."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, TypeVar

import msgspec
import structlog

from ironstream.engine.memory import give_back
from ironstream.engine.replica_copy import PartitionCopy
from ironstream.engine.restore import LOCAL_COPY_MAX_AGE_MS

_LOG = structlog.get_logger(__name__)
_EVERY_S: Final = 60.0
_LENGTH: Final = 8
T = TypeVar("T")

Recent = list[tuple[int, bytes, bytes]]
"""Partition, key and value of rows beside the replica's."""


class StateCopy(msgspec.Struct, frozen=True):
    """The state of an agent as of commits."""

    partitions: dict[int, PartitionCopy]
    recent: Recent


class _Head(msgspec.Struct, frozen=True):
    """What the file begins with; `taken_ms` by the clock of this machine."""

    topic: str
    taken_ms: float
    version: Literal[1] = 1


class LocalCopy:
    """The file of one agent. It only saves time: one that cannot be read or written is told in the log, and no more."""

    def __init__(self, folder: Path, topic: str) -> None:
        self._topic = topic
        self._path = folder / f"{topic}.copy"
        self._due_s = time.monotonic() + _EVERY_S

    @property
    def due(self) -> bool:
        """Whether the last one is a minute old."""
        return time.monotonic() >= self._due_s

    async def load(self) -> StateCopy | None:
        """What was kept; None where there is nothing of use."""
        return await asyncio.to_thread(self._load)

    async def save(self, partitions: dict[int, PartitionCopy], recent: Recent) -> None:
        """Take the place of what was kept."""
        self._due_s = time.monotonic() + _EVERY_S
        await asyncio.to_thread(self._save, StateCopy(partitions, recent))

    def discard(self) -> None:
        """Keep nothing."""
        self._path.unlink(missing_ok=True)

    def _load(self) -> StateCopy | None:
        try:
            with self._path.open("rb") as file:
                head = _read(file, _Head)
                # deletions leave the changelog after a day: an older copy might keep a row for ever
                if head.topic != self._topic or not 0 <= _now_ms() - head.taken_ms < LOCAL_COPY_MAX_AGE_MS:
                    return None
                count = _read(file, int)
                partitions = dict(_read(file, tuple[int, PartitionCopy]) for _ in range(count))
                return StateCopy(partitions, _read(file, Recent))
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            _LOG.warning("copy_not_read", file=str(self._path), error=str(error), what="all is read from Kafka")
            return None

    def _save(self, copy: StateCopy) -> None:
        # of two views with one folder each writes a file of its own
        fresh = self._path.with_suffix(f".{os.getpid()}")
        pieces = (_Head(self._topic, _now_ms()), len(copy.partitions), *copy.partitions.items(), copy.recent)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with fresh.open("wb") as file:
                # piece by piece: one text of it all would be as large as the state, every minute
                for piece in pieces:
                    _write(file, piece)
            fresh.replace(self._path)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            _LOG.warning("copy_not_written", file=str(self._path), error=str(error), what="a start takes longer")
        give_back()


def _write(file: BinaryIO, piece: Any) -> None:
    text = msgspec.msgpack.encode(piece)
    file.write(len(text).to_bytes(_LENGTH, "big"))
    file.write(text)


def _read(file: BinaryIO, kind: type[T]) -> T:
    length = int.from_bytes(file.read(_LENGTH), "big")
    # of a damaged file the length may be anything
    left = os.fstat(file.fileno()).st_size - file.tell()
    return msgspec.msgpack.decode(file.read(min(length, left)), type=kind)


def _now_ms() -> float:
    return time.time() * 1000
