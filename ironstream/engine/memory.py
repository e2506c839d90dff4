"""Freed memory back to the operating system: glibc keeps the pages of a worker's short-lived batches otherwise."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Final


def _malloc_trim() -> Callable[[int], int] | None:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):  # another C library, which has no need of it
        return None


_trim: Final = _malloc_trim()


def give_back() -> None:
    """Return freed pages. Takes tens of milliseconds without the interpreter's lock: call it in a thread."""
    if _trim is not None:
        _trim(0)
