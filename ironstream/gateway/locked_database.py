"""A SQLite file of one process: locked against others, durable at every commit, its errors told as one kind."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from ironstream.embedded.locks import try_lock
from ironstream.errors import IronstreamError


class BufferFault(IronstreamError):
    """The file cannot be used. `damaged`: it never will be again. `full`: it can still be read."""

    def __init__(self, message: str, hint: str = "", *, damaged: bool = False, full: bool = False) -> None:
        super().__init__(message, hint)
        self.damaged = damaged
        self.full = full


class LockedDatabase:
    """An open file, made if missing; to be used by one thread at a time.

    The file is locked by `<name>.lock` beside it, so that two processes never share one. The constructor and the
    methods raise BufferFault. What a transaction has written survives a crash of the process and of the machine.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self.faults():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = try_lock(path.with_suffix(".lock"))
        if self._lock is None:
            raise BufferFault(
                f"the buffer {path} is used by another process",
                "end that process, or give this one a folder of its own",
            )
        try:
            with self.faults():
                # what machines say is nobody else's business; SQLite gives its other files the same mode
                os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
                self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        except BufferFault:
            self._unlock()
            raise

    def close(self) -> None:
        """Let go of the file and its lock; may be repeated, raises nothing."""
        with suppress(sqlite3.Error):
            self.db.close()
        self._unlock()

    def _unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or, with an error, nothing."""
        with self.faults():
            self.db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self.db.execute("COMMIT")
            except BaseException:
                # some errors have ended the transaction by themselves
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise

    @contextmanager
    def faults(self) -> Iterator[None]:
        """What SQLite and the file system say, as BufferFault; content that is not as we write it is damage."""
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", None)
            kind = None if code is None else code & 0xFF
            # one without a code is Python's own: of these, this kind comes from text that is no UTF-8
            garbled = code is None and isinstance(error, sqlite3.OperationalError)
            damaged = garbled or kind in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
            raise self._fault(str(error), damaged=damaged, full=kind == sqlite3.SQLITE_FULL) from error
        except OSError as error:
            raise self._fault(error.strerror or str(error)) from error
        except (msgspec.MsgspecError, ValueError, TypeError) as error:
            raise self._fault(f"{type(error).__name__}: {error}", damaged=True) from error

    def _fault(self, why: str, *, damaged: bool = False, full: bool = False) -> BufferFault:
        hint = f"make room in {self.path.parent}, and see that this user may write there"
        return BufferFault(f"the buffer {self.path} cannot be used: {why}", hint, damaged=damaged, full=full)
