"""Memory that was freed goes back to the operating system."""

from __future__ import annotations

import platform

import psutil

from ironstream.engine.memory import give_back

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
