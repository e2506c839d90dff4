"""Memory that was freed goes back to the operating system; what stays is left alone by the collector."""

from __future__ import annotations

import gc
import platform
from collections.abc import Iterator

import psutil
import pytest

from ironstream.engine.memory import give_back, objects_that_stay

_MIB = 1024 * 1024


def _resident() -> int:
    return int(psutil.Process().memory_info().rss)


def test_pages_between_live_blocks_are_given_back() -> None:
    blocks = [bytes(2048) for _ in range(64 * 1024)]
    kept = blocks[:: 4 * 1024]
    del blocks
    before = _resident()
    give_back()
    freed = before - _resident()
    assert len(kept) == 16
    # Other C libraries return pages by themselves, and there is nothing left to give back.
    assert freed > 32 * _MIB or platform.libc_ver()[0] != "glibc"


@pytest.fixture
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("thawed")
def test_what_stays_is_visited_by_no_collection() -> None:
    frozen = gc.get_freeze_count()
    with objects_that_stay():
        assert not gc.isenabled()
        kept = [[number] for number in range(10_000)]
    assert gc.isenabled()
    assert len(kept) == 10_000
    assert gc.get_freeze_count() >= frozen + 10_000


@pytest.mark.usefixtures("thawed")
def test_a_collector_that_was_off_stays_off_also_after_an_error() -> None:
    gc.disable()
    try:
        with pytest.raises(ValueError, match="no"), objects_that_stay():
            raise ValueError("no")
        assert not gc.isenabled()
    finally:
        gc.enable()
