"""Records of several partitions in one order, the newest first, a page at a time. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

PartitionT = TypeVar("PartitionT")


@dataclass(frozen=True, slots=True)
class Stretch:
    """What was read of a partition: all that it has from `start` to before `end`, in its order. Its oldest offset is
    `first`.
    """

    first: int
    start: int
    end: int
    records: list[Any]


@dataclass(frozen=True, slots=True)
class Newest(Generic[PartitionT]):
    """Records that were wanted, the newest first, and the offsets before which to read on; nothing is left where each
    is the oldest.
    """

    records: list[Any]
    ends: dict[PartitionT, int]


def newest_first(
    stretches: Mapping[PartitionT, Stretch], wanted: Callable[[Any], bool], limit: int
) -> Newest[PartitionT]:
    """The newest `limit` records that are wanted, as far as the stretches tell: what was not read may be newer than
    what is older than one of them. Reading on before `ends` gives the next ones, none twice and none left out.

    Within a partition the order is that of its offsets, whatever the times say.
    """
    ends = {partition: stretch.end for partition, stretch in stretches.items()}
    found: list[Any] = []
    at = {partition: len(stretch.records) for partition, stretch in stretches.items()}
    # the time of a record counts as no later than that of any after it
    latest = dict.fromkeys(stretches, float("inf"))
    heap: list[tuple[float, int, PartitionT]] = []
    order = {partition: number for number, partition in enumerate(stretches)}

    def offer(partition: PartitionT) -> bool:
        stretch = stretches[partition]
        if not at[partition]:
            ends[partition] = stretch.start
            return stretch.start <= stretch.first
        at[partition] -= 1
        latest[partition] = min(latest[partition], stretch.records[at[partition]].timestamp)
        heapq.heappush(heap, (-latest[partition], order[partition], partition))
        return True

    # one of which nothing was found where it was read tells nothing of the others' order
    for partition in stretches:
        offer(partition)
    while heap and len(found) < limit:
        _, _, partition = heapq.heappop(heap)
        record = stretches[partition].records[at[partition]]
        ends[partition] = record.offset
        if wanted(record):
            found.append(record)
        if not offer(partition):
            break
    return Newest(found, ends)
