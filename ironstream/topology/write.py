"""Puts a changed topology file in the place of the old one: whole, or not at all."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ironstream.errors import ConfigurationError


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
