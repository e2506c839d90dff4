"""Puts changed topology files in the place of the old ones: each whole, or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ironstream.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Replacement:
    """A file, what to put in its place, and what it must still have."""

    path: Path
    data: bytes
    expected: bytes


def replace_files(replacements: Sequence[Replacement]) -> None:
    """`replace_file` for several: when one cannot be replaced, those before it get back what they had.

    Each file is whole at any time; a crash in between leaves some of them changed.
    """
    done: list[Replacement] = []
    try:
        for one in replacements:
            replace_file(one.path, one.data, one.expected)
            done.append(one)
    except ConfigurationError:
        for one in reversed(done):
            # whoever has changed it in this moment has seen what was written, and keeps what they made of it
            with suppress(ConfigurationError):
                replace_file(one.path, one.expected, one.data)
        raise


def replace_file(path: Path, data: bytes, expected: bytes) -> None:
    """Put `data` in the place of the file, which still has the bytes `expected`; a link stays a link.

    Whoever reads the file meanwhile, and whatever crashes, has the old file or the new one, with the same permissions.
    Raises ConfigurationError when the file cannot be written, or was changed by somebody else.
    """
    target = path.resolve()
    temporary: Path | None = None
    try:
        before = target.stat()
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".new")
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), before.st_mode & 0o7777)
            _keep_owner(file.fileno(), before)
            file.flush()
            os.fsync(file.fileno())
        if target.read_bytes() != expected:
            raise ConfigurationError(f"{path} was changed by somebody else meanwhile.", "Look at it, and try again.")
        temporary.replace(target)
        temporary = None
        _sync_folder(target.parent)
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be written: {error.strerror or error}", "Nothing was changed. May this user write it?"
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _keep_owner(descriptor: int, before: os.stat_result) -> None:
    made = os.fstat(descriptor)
    if (made.st_uid, made.st_gid) != (before.st_uid, before.st_gid):
        # raises where this user may not give files away: a file that its owner can no longer read is no replacement
        os.fchown(descriptor, before.st_uid, before.st_gid)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
