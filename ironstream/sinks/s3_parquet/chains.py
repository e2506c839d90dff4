"""The chains of the directories that a writer is busy with, read once and kept."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Final

from ironstream.sinks.s3_parquet.chain import Chain, Extent
from ironstream.sinks.s3_parquet.files import TAIL_BYTES, DamagedFileError, footer_bytes, read_extent
from ironstream.sinks.s3_parquet.layout import file_name, parse_file
from ironstream.sinks.s3_parquet.store import Entry, Store
from ironstream.sinks.sink import SinkUnavailableError

_AT_ONCE: Final = 16
_KEPT: Final = 4096


async def read_extents(store: Store, directory: str, stem: str, firsts: list[int]) -> dict[int, Extent]:
    """Extents of files by their first offset. Raises GoneError, and SinkUnavailableError for a damaged file."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one(first: int) -> Extent:
        async with gate:
            return await read_footer(store, f"{directory}/{file_name(stem, first)}")

    # a group, so that nothing is left running when one fails
    try:
        async with asyncio.TaskGroup() as group:
            tasks = {first: group.create_task(one(first)) for first in firsts}
    except BaseExceptionGroup as errors:
        # those of one store have one cause: the first is as good as all of them
        raise errors.exceptions[0] from errors
    return {first: task.result() for first, task in tasks.items()}


async def read_footer(store: Store, path: str) -> Extent:
    """What the footer of a file says. Raises GoneError, and SinkUnavailableError for a damaged file."""
    tail = await store.tail(path, TAIL_BYTES)
    try:
        needed = footer_bytes(tail)
        if needed > len(tail):
            tail = await store.tail(path, needed)
        extent = read_extent(tail)
        if (parsed := parse_file(path.rpartition("/")[2])) is None or parsed[1] != extent.first:
            raise DamagedFileError("its name is not that of its first offset")
        return extent
    except DamagedFileError as err:
        raise SinkUnavailableError(
            f"{path} is not a whole file of this sink: {err}",
            "move it away, and replay its offsets: what it covers cannot be told, so nothing is written beside it",
        ) from err


def firsts_of(entries: list[Entry], stem: str) -> dict[int, int]:
    """Sizes of the files of a stem by their first offset."""
    found = {}
    for entry in entries:
        parsed = parse_file(entry.name)
        if parsed is not None and parsed[0] == stem:
            found[parsed[1]] = entry.nbytes
    return found


class Chains:
    """Chains by directory and stem; the least recently used go when there are many."""

    def __init__(self, store: Store, kept: int = _KEPT) -> None:
        self._store = store
        self._kept = kept
        self._chains: OrderedDict[tuple[str, str], Chain] = OrderedDict()

    async def chain(self, directory: str, stem: str, first: int, last: int) -> Chain:
        """The chain with every extent that says which offsets from `first` to `last` are stored.

        Raises SinkUnavailableError; GoneError where a listed file has been compacted away: forget it, ask again.
        """
        chain = self._chains.get((directory, stem))
        if chain is None or first < chain.known_from:
            entries = await self._store.entries(directory, f"{stem}-")
            chain = Chain.of(list(firsts_of(list(entries), stem)), first)
            self._chains[directory, stem] = chain
        self._chains.move_to_end((directory, stem))
        if len(self._chains) > self._kept:
            self._chains.popitem(last=False)
        chain.forget_before(first)
        if unread := chain.unread(last):
            chain.files.update(await read_extents(self._store, directory, stem, unread))
        return chain

    def forget(self, directory: str, stem: str) -> None:
        """Another writer, or a compaction, was there."""
        self._chains.pop((directory, stem), None)

    def forget_all(self, stem: str) -> None:
        """Others have written the partition meanwhile."""
        for key in [key for key in self._chains if key[1] == stem]:
            del self._chains[key]

    def clear(self) -> None:
        """Nothing is known any more."""
        self._chains.clear()
