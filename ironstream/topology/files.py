"""Reads the files of a topology: topology.yaml, and those that it includes."""

from __future__ import annotations

import stat
from glob import glob
from pathlib import Path
from typing import Final

from ironstream.topology.faults import TopologyError
from ironstream.topology.include import IS_FOLDER, in_order, is_pattern, usable_patterns
from ironstream.topology.load import MAX_BYTES, load
from ironstream.topology.sources import Sources

FILES_MAX: Final = 1_000
TOTAL_BYTES_MAX: Final = 16 * 1024 * 1024

Signature = tuple[tuple[str, int, int, int], ...]
"""Name, time of change in ns, size and inode of each file of a topology."""


def read_topology(path: Path) -> bytes:
    """The bytes of a topology file, not checked; never many more than one may have. Raises TopologyError."""
    try:
        return _read(path)
    except OSError as err:
        message = f"{path}: cannot be read: {err.strerror or err}"
        raise TopologyError(message, [], "name a topology file that exists and that this user may read") from err


def read_sources(path: Path) -> Sources:
    """A topology file with those that it includes, not checked: `check_sources` tells of an included file that cannot
    be read. Raises TopologyError for `path` itself.
    """
    text = read_topology(path)
    files, unread = {path.name: text}, {}
    total = len(text)
    for number, name in enumerate(_included(path, patterns_in(text))):
        if number >= FILES_MAX or total > TOTAL_BYTES_MAX:
            unread[name] = f"is left out: at most {FILES_MAX} files of {TOTAL_BYTES_MAX} bytes in all are read"
            continue
        try:
            if reason := _refusal(path.parent, path.parent / name):
                unread[name] = reason
                continue
            files[name] = _read(path.parent / name)
            total += len(files[name])
        except OSError as err:
            unread[name] = f"cannot be read: {err.strerror or err}"
    return Sources(path.name, files, unread)


def patterns_in(text: bytes) -> tuple[str, ...]:
    """The patterns of the files that a topology file includes; none where it cannot be read."""
    # most plants are one file, which would be parsed twice
    root = load(text)[0] if b"include" in text else None
    return () if root is None else usable_patterns(root)


def signature_of(path: Path, patterns: tuple[str, ...]) -> Signature:
    """What changes when the file, or one of those that its patterns find, changes, comes or goes."""
    found = []
    for name in (path.name, *_included(path, patterns)):
        try:
            status = (path.parent / name).stat()
        except OSError:
            continue
        found.append((name, status.st_mtime_ns, status.st_size, status.st_ino))
    return tuple(found)


def _included(path: Path, patterns: tuple[str, ...]) -> list[str]:
    found: set[str] = set()
    for pattern in patterns:
        for name in glob(pattern, root_dir=path.parent, recursive=True):
            # a folder that a pattern finds is passed over; one that is named is told
            if not is_pattern(pattern) or not (path.parent / name).is_dir():
                found.add(Path(name).as_posix())
    return in_order(patterns, found - {path.name})


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        # one byte more than allowed is enough to refuse it, whatever its size
        return file.read(MAX_BYTES + 1)


def _refusal(folder: Path, path: Path) -> str:
    """Why a file is not to be read; an empty text where it is."""
    real = path.resolve(strict=True)
    if not real.is_relative_to(folder.resolve()):
        return f"is a link to {real}, outside of the folder of the topology"
    if not stat.S_ISREG(real.stat().st_mode):
        return IS_FOLDER if real.is_dir() else "is no file"
    return ""
