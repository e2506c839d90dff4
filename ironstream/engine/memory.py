"""What a worker does about memory: freed pages go back, and the garbage collector leaves alone what stays."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final


def _malloc_trim() -> Callable[[int], int] | None:
    try:
        return ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):  # another C library, which has no need of it
        return None


_trim: Final = _malloc_trim()


@contextmanager
def objects_that_stay() -> Iterator[None]:
    """What the body makes stays for as long as the process: cycles are not looked for in it, now or ever.

    A full collection visits every object; with a state of 100 000 series that stops the worker for a second.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


def give_back() -> None:
    """Return freed pages; glibc keeps those of a worker's short-lived batches otherwise.

    Takes tens of milliseconds without the interpreter's lock: call it in a thread.
    """
    if _trim is not None:
        _trim(0)
