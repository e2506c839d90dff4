"""A local directory as the store. Everything is fsynced before it counts; all of it runs in threads.

A file is written under a temporary name in its directory, which its writer holds locked, and then linked to its own:
a link fails where the name is taken, and a reader never sees half a file. What a dead writer left is nobody's lock.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Final

from ironstream.errors import ConfigurationError
from ironstream.sinks.s3_parquet.store import Entry, GoneError, Lease
from ironstream.sinks.sink import SinkUnavailableError

MARKER: Final = "_ironstream.json"
MARKER_TEXT: Final = b'{"layout": 1}\n'
"""Made at the first connect: that it can be made, and only once, is what the sink asks of a store."""
_TEMPORARY: Final = ".tmp"
_HINTS: Final = {
    errno.ENOSPC: "the disk is full: free space, or move the sink's path to another disk; nothing is lost meanwhile",
    errno.EDQUOT: "the quota is used up: raise it, or free space; nothing is lost meanwhile",
    errno.EFBIG: "the file system or a limit of the process (ulimit -f) takes no file this large: lower roll_rows",
    errno.EROFS: "the file system is mounted read-only: mount it for writing",
    errno.EACCES: "let the user of this process write to the directory",
    errno.EPERM: "let the user of this process write to the directory",
    errno.EIO: "the disk fails: see the system's log",
}
_NO_LINKS: Final = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


class LocalStore:
    """Files below `root`, which is made. `conditional`: by hard links; otherwise a file may displace another."""

    def __init__(self, root: Path, *, conditional: bool = True) -> None:
        self._root = root
        self._conditional = conditional

    async def connect(self) -> None:
        """See Store."""
        await asyncio.to_thread(self._connect)

    async def entries(self, directory: str, prefix: str) -> Sequence[Entry]:
        """See Store."""
        return await asyncio.to_thread(self._list, directory, prefix)

    async def tail(self, path: str, nbytes: int) -> bytes:
        """See Store."""
        return await asyncio.to_thread(self._read, path, nbytes)

    async def read(self, path: str) -> bytes:
        """See Store."""
        return await asyncio.to_thread(self._read, path, None)

    async def create(self, path: str, body: bytes) -> bool:
        """See Store."""
        return await asyncio.to_thread(self._write, path, body, self._conditional)

    async def replace(self, path: str, body: bytes) -> None:
        """See Store."""
        await asyncio.to_thread(self._write, path, body, False, True)

    async def delete(self, path: str) -> None:
        """See Store."""
        await asyncio.to_thread(self._delete, path)

    async def walk(self) -> AsyncIterator[tuple[str, Sequence[Entry]]]:
        """See Store."""
        found = self._walk()
        while (one := await asyncio.to_thread(next, found, None)) is not None:
            yield one

    @asynccontextmanager
    async def lease(self, name: str) -> AsyncIterator[Lease]:
        """A lock of the operating system, which ends with its process."""
        descriptor = await asyncio.to_thread(self._lock, name)
        try:
            yield _Held()
        finally:
            os.close(descriptor)

    async def close(self) -> None:
        """Nothing is held open."""

    def _connect(self) -> None:
        with _told(self._root):
            _make_directories(self._root)
        try:
            self._write(MARKER, MARKER_TEXT, self._conditional)
        except SinkUnavailableError as err:
            if self._conditional and isinstance(err.__cause__, OSError) and err.__cause__.errno in _NO_LINKS:
                self._see_whether_links_are_missing(err)
            raise

    def _see_whether_links_are_missing(self, err: SinkUnavailableError) -> None:
        """A directory that cannot be written to fails with the same numbers: only the link tells."""
        if getattr(err.__cause__, "filename2", None) is not None:
            raise ConfigurationError(
                f"the file system of {self._root} has no hard links",
                "take another one, or set conditional_put: false and read what that costs",
            ) from err

    def _at(self, path: str) -> Path:
        """Never outside the root, whatever a name or a link in it says."""
        at = self._root / path
        root, real = os.path.realpath(self._root), os.path.realpath(at.parent)
        if real != root and not real.startswith(root.rstrip(os.sep) + os.sep):
            raise SinkUnavailableError(f"{at} is outside of {self._root}", "remove the link that leads there")
        return at

    def _list(self, directory: str, prefix: str) -> list[Entry]:
        at = self._at(f"{directory}/x").parent
        with _told(at):
            if not at.is_dir():
                return []
            found = []
            with os.scandir(at) as entries:
                for entry in entries:
                    if entry.name.startswith(f".{prefix}") and entry.name.endswith(_TEMPORARY):
                        _remove_if_dead(entry.path)
                    elif entry.name.startswith(prefix):
                        found.append(entry)
            # one who made a file may have died before its name was durable; what is named here is relied on
            _sync(at)
            sized = []
            for entry in found:
                with suppress(FileNotFoundError):
                    sized.append(Entry(entry.name, entry.stat().st_size))
            return sized

    def _read(self, path: str, nbytes: int | None) -> bytes:
        at = self._at(path)
        with _told(at), _gone(path), at.open("rb") as file:
            if nbytes is not None:
                file.seek(max(0, os.fstat(file.fileno()).st_size - nbytes))
            return file.read()

    def _write(self, path: str, body: bytes, conditional: bool, displace: bool = False) -> bool:
        at = self._at(path)
        with _told(at):
            if not displace and at.exists():
                return False
            _make_directories(at.parent)
            temporary, descriptor = _locked_temporary(at)
            try:
                view = memoryview(body)
                while view:
                    view = view[os.write(descriptor, view) :]
                os.fsync(descriptor)
                if conditional:
                    try:
                        os.link(temporary, at)
                    except FileExistsError:
                        return False
                else:
                    temporary.replace(at)
            finally:
                with suppress(OSError):
                    temporary.unlink(missing_ok=True)
                os.close(descriptor)
            _sync(at.parent)
            return True

    def _delete(self, path: str) -> None:
        at = self._at(path)
        with _told(at):
            at.unlink(missing_ok=True)
            with suppress(FileNotFoundError):
                _sync(at.parent)

    def _walk(self) -> Iterator[tuple[str, Sequence[Entry]]]:
        for at, directories, names in os.walk(self._root):
            directories.sort()
            entries = []
            for name in sorted(names):
                with suppress(FileNotFoundError):
                    entries.append(Entry(name, (Path(at) / name).stat().st_size))
            if entries:
                yield Path(at).relative_to(self._root).as_posix(), entries

    def _lock(self, name: str) -> int:
        at = self._at(f"_{name}.lock")
        with _told(at):
            _make_directories(at.parent)
            descriptor = os.open(at, os.O_CREAT | os.O_RDWR, 0o644)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as err:
                os.close(descriptor)
                raise SinkUnavailableError(
                    f"another process has {at} locked", "wait until it is done: one at a time does this"
                ) from err
            return descriptor


def _locked_temporary(at: Path) -> tuple[Path, int]:
    """A new file beside another, and its descriptor, whose lock says that somebody writes it."""
    while True:
        temporary = at.with_name(f".{at.name}.{uuid.uuid4().hex}{_TEMPORARY}")
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return temporary, descriptor
        # whoever saw it before it was locked has taken it for a dead one's
        os.close(descriptor)


class _Held:
    """A lock that cannot be lost."""

    async def renew(self) -> None:
        """Nothing to do."""


@contextmanager
def _told(at: Path) -> Iterator[None]:
    try:
        yield
    except OSError as err:
        hint = _HINTS.get(err.errno or 0, "see that the directory is there and can be written to")
        raise SinkUnavailableError(f"{at}: {err.strerror or type(err).__name__}", hint) from err


@contextmanager
def _gone(path: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as err:
        raise GoneError(f"{path} is gone") from err


def _remove_if_dead(temporary: str) -> None:
    """Its writer holds a lock on it while it lives. One that was just made, and not locked yet, writes it again."""
    with suppress(OSError):
        descriptor = os.open(temporary, os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.unlink(temporary)  # a plain name from scandir
        finally:
            os.close(descriptor)


def _make_directories(at: Path) -> None:
    """With each name durable in its parent."""
    if at.is_dir():
        return
    _make_directories(at.parent)
    at.mkdir(exist_ok=True)
    _sync(at.parent)


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
