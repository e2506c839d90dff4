"""What must be done to get from what runs to what is wanted: one rule for who does it and for who says it before.

Beside topology and gateway, which both ask: a process of adapters would load all of the topology's check for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Comparison(Generic[T]):
    """What to start, what to restart as it is now, and the names of what to stop; all else is left alone."""

    new: tuple[T, ...] = ()
    changed: tuple[T, ...] = ()
    gone: tuple[str, ...] = ()


def compare(running: Mapping[str, T], wanted: Iterable[tuple[str, T]]) -> Comparison[T]:
    """What is to be done to `running` (by name). That something has another place in the list is no change."""
    wanted = list(wanted)
    names = {name for name, _ in wanted}
    return Comparison(
        new=tuple(one for name, one in wanted if name not in running),
        changed=tuple(one for name, one in wanted if name in running and one != running[name]),
        gone=tuple(name for name in running if name not in names),
    )
