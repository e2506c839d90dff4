"""Changes of the file of tokens: one at a time, each whole or not at all."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import msgspec

from ironstream.errors import ConfigurationError
from ironstream.web.auth.tokens import TokenEntry, read_tokens

_HEAD: Final = b"# Tokens of the web view by their hashes, one a line. A line that is removed ends its sessions.\n"


def add_token(path: Path, entry: TokenEntry) -> None:
    """Put a token at the end of a file, which is made where there is none. Raises ConfigurationError."""
    with _alone(path):
        present = path.read_bytes() if path.exists() else _HEAD
        _write(path, present + (b"" if present.endswith(b"\n") or not present else b"\n") + _line(entry))


def remove_token(path: Path, token_id: str) -> TokenEntry | None:
    """Take a token out of a file; it, or None where there is none. Other lines and comments stay where that can be.

    Raises ConfigurationError.
    """
    with _alone(path):
        entries = read_tokens(path) if path.exists() else []
        found = next((one for one in entries if one.id == token_id), None)
        if found is not None:
            _write(path, _without(path.read_bytes(), entries, found))
        return found


def _without(text: bytes, entries: list[TokenEntry], found: TokenEntry) -> bytes:
    left = [one for one in entries if one.id != found.id]
    lines = text.splitlines(keepends=True)
    shorter = b"".join(one for one in lines if not (one.startswith(b"- ") and found.sha256.encode() in one))
    # an entry that somebody wrote on several lines cannot be cut out so
    with suppress(msgspec.DecodeError):
        if msgspec.convert(msgspec.yaml.decode(shorter) or [], list[TokenEntry]) == left:
            return shorter
    return _HEAD + b"".join(map(_line, left))


def _line(entry: TokenEntry) -> bytes:
    return b"- " + msgspec.json.encode(entry) + b"\n"


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """While it is entered nobody else changes the file, in this process or another."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # not the file itself, which each change replaces
        with open(os.open(path.with_name(f".{path.name}.lock"), os.O_WRONLY | os.O_CREAT, 0o600), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as err:
        raise ConfigurationError(
            f"The tokens cannot be kept in {path}: {err.strerror}.", "Name another file in IRONSTREAM_WEB_TOKENS."
        ) from err


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all: a view that runs may read it at any moment."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
