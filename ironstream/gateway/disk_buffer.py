"""What waits for Kafka on disk, for asyncio: works beside the loop, survives a broken disk, tells what it gave up."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

import structlog

from ironstream.gateway.buffer_file import BufferFile
from ironstream.gateway.buffer_stats import AGE, FULL, BufferStats
from ironstream.gateway.chunks import Chunk
from ironstream.gateway.envelope import iso
from ironstream.gateway.locked_database import BufferFault
from ironstream.gateway.outgoing import Outgoing, Priority
from ironstream.gateway.settings import GatewaySettings

_LOG = structlog.get_logger(__name__)
_REOPEN_S: Final = 10.0
_TELL_S: Final = 60.0
_T = TypeVar("_T")


class DiskBuffer:
    """Records in the order they came, on disk; each leaves with `remove`, or is dropped at the caps of size and age.

    A buffer that cannot be used (`usable` False: no room, read-only, locked by another process) takes nothing and
    loses nothing that it has; it is tried again every 10 s. A damaged file is put aside and a new one begun:
    `on_lost` is told, with the records whose senders still wait for them. Nothing here raises.
    """

    def __init__(
        self,
        settings: GatewaySettings,
        stats: BufferStats,
        on_lost: Callable[[list[Outgoing]], None],
        *,
        wall_s: Callable[[], float] = time.time,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        if settings.buffer_dir is None:
            raise ValueError("a disk buffer needs a folder")
        self._path = settings.buffer_dir / f"{settings.buffer_name or 'gateway'}.sqlite"
        self._settings = settings
        self._stats = stats
        self._on_lost = on_lost
        self._wall_s = wall_s
        self._monotonic_s = monotonic_s
        self._clock_offset_s = 0.0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="gateway buffer")
        self._lock = asyncio.Lock()
        self._file: BufferFile | None = None
        self._next_id = 1
        self._taken = 0
        self._gone: list[int] = []
        self._awaited: dict[int, dict[int, Outgoing]] = {}
        self._told_s: dict[bytes, float] = {}
        self._retry_s = 0.0
        self._log_s = 0.0
        self._unlogged = 0
        self.waiting = 0
        """Records that `read` has not given yet."""
        stats.enabled = True

    @property
    def usable(self) -> bool:
        """Whether it takes records, as far as is known."""
        return self._file is not None and self._stats.fault is None

    @property
    def is_full(self) -> bool:
        """Whether there is no room but by dropping what may not be dropped."""
        return self._file is not None and self._file.is_full

    @property
    def has_to_tell(self) -> bool:
        """Whether something was dropped that no record tells of yet."""
        return self.usable and self._file is not None and bool(self._file.overflow)

    async def open(self) -> None:
        """Open the file, or put a damaged one aside and open another."""
        async with self._lock:
            await self._open()

    async def _open(self) -> None:
        self._retry_s = self._monotonic_s() + _REOPEN_S
        for _ in range(2):
            try:
                file = await self._in_thread(BufferFile, self._path, self._settings.buffer_max_bytes, self._next_id)
            except BufferFault as fault:
                if not fault.damaged:
                    self._fail(fault)
                    return
                await self._put_aside(fault, 0)
            else:
                # ages go by the time that passes, not by a clock that is set while we run or that was wrong before
                self._clock_offset_s = max(self._wall_s(), file.newest_s) - self._monotonic_s()
                self._file = file
                self._recovered()
                self.waiting = await self._try(file.after, self._taken) or 0
                if self.waiting:
                    _LOG.info("buffer_has_records", path=str(self._path), records=self.waiting)
                return

    async def append(self, in_flight: Sequence[Outgoing], queued: Sequence[Outgoing]) -> list[int] | None:
        """Write what is on its way to Kafka already, then what is not; the chunks of the former, None where it cannot.

        `read` gives only the latter, and only these may be dropped.
        """
        async with self._lock:
            file = self._file
            if file is None or (not self.usable and self._monotonic_s() < self._retry_s):
                return None
            appended = await self._try(file.append, in_flight, queued, self._now_s(), self._taken)
            if appended is None:
                return None
            self._recovered()
            ids = appended.ids[: len(in_flight)]
            self._taken = max(ids, default=self._taken)
            self._next_id = file.next_id
            self.waiting += len(queued)
            places: Counter[int] = Counter()
            for chunk_id, record in zip(appended.ids[len(in_flight) :], queued, strict=True):
                if record.delivery is not None:
                    self._awaited.setdefault(chunk_id, {})[places[chunk_id]] = record
                places[chunk_id] += 1
            self._drop(appended.dropped, FULL)
            return ids

    async def read(self, max_bytes: int) -> list[Chunk]:
        """The next chunks, oldest first; they stay on disk until `remove`."""
        async with self._lock:
            file = self._file
            if file is None:
                return []
            chunks = await self._try(file.read, self._taken, max_bytes) or []
            for chunk in chunks:
                self._taken = chunk.id
                self.waiting -= len(chunk.records)
                # whoever waits for the delivery of a record waits for that very one
                for place, record in self._awaited.pop(chunk.id, {}).items():
                    chunk.records[place] = record
            return chunks

    async def remove(self, ids: Iterable[int]) -> None:
        """Forget chunks of which Kafka has all; they are kept in mind while the disk does not let us."""
        self._gone += ids
        async with self._lock:
            file, gone = self._file, list(self._gone)
            if file is None or not gone or await self._try(file.remove, gone) is None:
                return
            del self._gone[: len(gone)]
            if not file.records.total():
                await self._try(file.shrink)

    async def tick(self, *, connected: bool) -> None:
        """What is due: open anew, drop what is too old, tell what was dropped once Kafka takes it (`connected`)."""
        if self._gone:
            await self.remove([])
        async with self._lock:
            if self._file is None and self._monotonic_s() >= self._retry_s:
                await self._open()
            await self._expire()
            if connected:
                await self._tell()
            await self._measure()

    async def close(self) -> None:
        """Let go of the file."""
        await self.remove([])
        async with self._lock:
            if self._file is not None:
                await self._in_thread(self._file.close)
                self._file = None
        self._thread.shutdown()

    async def _expire(self) -> None:
        file, max_age_s = self._file, self._settings.buffer_max_age_s
        if file is None or max_age_s is None or self._stats.oldest_age_s < max_age_s:
            return
        dropped = await self._try(file.expire, self._now_s() - max_age_s, self._taken)
        self._drop(dropped or [], AGE)

    async def _tell(self) -> None:
        """Once a minute per asset while it lasts, and when all that was kept has been taken: then it is over."""
        file, now_s = self._file, self._monotonic_s()
        if file is None or not file.overflow:
            return
        self._told_s = {asset: told_s for asset, told_s in self._told_s.items() if now_s - told_s < _TELL_S}
        due = [asset for asset in file.overflow.assets if not self.waiting or asset not in self._told_s]
        if not due:
            return
        time_text = iso(int(self._wall_s() * 1e6))
        count = await self._try(file.tell, due, self._now_s(), time_text, self._settings.hostname)
        if count is not None:
            self.waiting += count
            self._next_id = file.next_id
            self._told_s |= dict.fromkeys(due, now_s)

    async def _measure(self) -> None:
        file = self._file
        self._stats.records = 0 if file is None else file.records.total()
        self._stats.bytes = 0 if file is None else file.bytes.total()
        oldest_s = None if file is None or not self._stats.records else await self._try(file.oldest_s)
        self._stats.oldest_age_s = 0.0 if oldest_s is None else max(0.0, self._now_s() - oldest_s)

    def _drop(self, dropped: Sequence[Chunk], reason: str) -> None:
        if not dropped:
            return
        counts: Counter[Priority] = Counter()
        for chunk in dropped:
            counts[chunk.priority] += len(chunk.records)
            for record in self._awaited.pop(chunk.id, {}).values():
                record.settle()
        self.waiting -= counts.total()
        for priority, count in counts.items():
            self._stats.drop(priority, reason, count)
        self._unlogged += counts.total()
        # it may last for days: a line a minute says it
        if self._monotonic_s() >= self._log_s:
            _LOG.warning("buffer_overflow", records=self._unlogged, reason=reason, path=str(self._path))
            self._log_s, self._unlogged = self._monotonic_s() + _TELL_S, 0

    def _now_s(self) -> float:
        return self._monotonic_s() + self._clock_offset_s

    async def _in_thread(self, work: Callable[..., _T], *arguments: object) -> _T:
        # shielded: work on the disk goes on when its caller is cancelled, and what comes next waits for it
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, work, *arguments))

    async def _try(self, work: Callable[..., _T], *arguments: object) -> _T | None:
        """The result of work on the file, None where it failed."""
        try:
            return await self._in_thread(work, *arguments)
        except BufferFault as fault:
            file = self._file
            self._fail(fault)
            if file is not None and not fault.full:
                # what is in it is out of reach for now, and must not hold up what is in memory
                self._file, self.waiting = None, 0
                await self._in_thread(file.close)
                if fault.damaged:
                    await self._put_aside(fault, file.records.total())
                    await self._open()
            return None

    def _fail(self, fault: BufferFault) -> None:
        if self._stats.fault is None:
            _LOG.error("buffer_unusable", error=fault.message, hint=fault.hint, goes_on="in memory")
        self._stats.fault = fault.message
        self._retry_s = self._monotonic_s() + _REOPEN_S

    def _recovered(self) -> None:
        if self._stats.fault is not None:
            _LOG.info("buffer_usable", path=str(self._path))
        self._stats.fault = None

    async def _put_aside(self, fault: BufferFault, records: int) -> None:
        """Rename a damaged file, so that what can be saved of it can be saved; the process goes on with a new one."""
        aside = self._path.with_name(f"{self._path.name}.damaged-{int(self._wall_s() * 1000)}")
        self._fail(fault)
        # the log first: a new file beside an old log would take that for its own
        for ending in ("-wal", "-shm", ""):
            try:
                await self._in_thread(os.rename, f"{self._path}{ending}", f"{aside}{ending}")
            except FileNotFoundError:
                continue
            except OSError as error:
                _LOG.error("buffer_not_put_aside", path=str(self._path), error=error.strerror)
                return
        _LOG.error("buffer_put_aside", error=fault.message, records=records, aside=str(aside))
        lost = [record for records in self._awaited.values() for record in records.values()]
        self._awaited = {}
        self._taken = self.waiting = 0
        self._gone = []
        self._on_lost(lost)
