"""Which files of a chain a compaction makes into one. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ironstream.sinks.s3_parquet.chain import Extent


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a chain."""

    nbytes: int
    extent: Extent


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with the files of a chain, in this order."""

    leftovers: Sequence[StoredFile]
    """Their rows are in an earlier file: a compaction was killed after it had made that one. To be deleted."""
    merges: Sequence[Sequence[StoredFile]]
    """Each becomes one file with the name of its first."""


def plan(files: Sequence[StoredFile], target_bytes: int, target_rows: int) -> Plan:
    """A plan for the files of one stem in one directory.

    Merged are neighbours between which nothing can be missing, up to a target; what has half of one is left as it is,
    so that a file is not written anew for each small one beside it. Files that overlap are merged whatever their size.
    """
    ordered = sorted(files, key=lambda file: file.extent.first)
    leftovers, kept = list[StoredFile](), list[StoredFile]()
    for file in ordered:
        # of the files kept the last one reaches furthest
        (leftovers if kept and kept[-1].extent.holds(file.extent) else kept).append(file)
    merges: list[list[StoredFile]] = []
    for file in kept:
        if merges and _joins(file, merges[-1], target_bytes, target_rows):
            merges[-1].append(file)
        else:
            merges.append([file])
    return Plan(leftovers, [group for group in merges if len(group) > 1])


def _joins(file: StoredFile, group: Sequence[StoredFile], target_bytes: int, target_rows: int) -> bool:
    before = group[-1].extent
    if file.extent.first <= before.last:
        return True
    if not file.extent.follows(before):
        return False
    together = [*group, file]
    if sum(one.nbytes for one in together) > target_bytes or sum(one.extent.rows for one in together) > target_rows:
        return False
    return all(2 * one.nbytes < target_bytes and 2 * one.extent.rows < target_rows for one in (group[0], file))
