"""How much is asked for in one call. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Final, NamedTuple, TypeVar

MOST: Final = 10_000
"""Items of one call to a server that sets no limit: a message of some hundred kB."""


class ServerProfile(StrEnum):
    """What is known of a kind of server that does not tell its limits itself."""

    UNKNOWN = "unknown"
    S7_1200 = "s7-1200"
    KEPWARE = "kepware"
    NONE = "none"


_PER_CALL: Final = {
    ServerProfile.UNKNOWN: 50,
    ServerProfile.S7_1200: 100,
    ServerProfile.KEPWARE: 1000,
    ServerProfile.NONE: MOST,
}
ITEMS_IN_ALL: Final = {ServerProfile.S7_1200: 1000}
"""Monitored items that such a server takes in all."""

Item = TypeVar("Item")


class Limits(NamedTuple):
    """Items of one call, by service."""

    read: int
    monitor: int
    history: int
    browse: int
    translate: int


def limits(configured: int | None, profile: ServerProfile, told: Sequence[int | None]) -> Limits:
    """What is configured; else what the server told (`told`, in the order of `Limits`; 0 and None: nothing); else
    what its profile says. A named profile also lowers what the server told.
    """
    known = _PER_CALL[profile]

    def one(server: int | None) -> int:
        if configured is not None:
            return configured
        if not server:
            return known
        return min(server, MOST if profile in (ServerProfile.UNKNOWN, ServerProfile.NONE) else known)

    return Limits(*map(one, told))


def chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """`items` in lists of at most `size`, in order."""
    chunk: list[Item] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
