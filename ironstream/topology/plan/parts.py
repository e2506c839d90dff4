"""Parts of two topologies side by side, and what is said of one that is not as before. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel

from ironstream.topology.faults import format_path
from ironstream.topology.plan.fields import changed_fields, parts_by_name, plain
from ironstream.topology.plan.model import FieldChange

PartT = TypeVar("PartT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Pair(Generic[PartT]):
    """A part that is not the same before and after; None where it is not there. `path` is its place in the file."""

    name: str
    path: str
    before: PartT | None
    after: PartT | None

    @property
    def change(self) -> Literal["added", "removed", "changed"]:
        """What became of it."""
        return "added" if self.before is None else "removed" if self.after is None else "changed"

    @property
    def one(self) -> PartT:
        """The part after, or before where it is removed."""
        one = self.before if self.after is None else self.after
        assert one is not None
        return one

    def fields(self, without: Sequence[str] = ()) -> tuple[FieldChange, ...]:
        """What differs; nothing for a part that comes or goes as a whole."""
        if self.before is None or self.after is None:
            return ()
        return changed_fields(plain(self.before, without), plain(self.after, without))


def pairs(
    before: Sequence[PartT], after: Sequence[PartT], name: Callable[[PartT], str], *path: str | int
) -> Iterator[Pair[PartT]]:
    """The parts of a list that differ: those of after in their order, then those that are gone."""
    if before == after:
        return
    old = parts_by_name(before, [name(part) for part in before])
    new = parts_by_name(after, [name(part) for part in after])
    for label, (place, part) in new.items():
        former = old[label][1] if label in old else None
        if former is None or former != part:
            yield Pair(label, format_path((*path, place)), former, part)
    for label, (place, part) in old.items():
        if label not in new:
            yield Pair(label, format_path((*path, place)), part, None)
