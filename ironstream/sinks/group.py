"""Where the consumer group of a sink stands on its topics, and where a replay sets it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ironstream.errors import ConfigurationError

Place = tuple[str, int]
"""Topic (name without prefix) and partition."""


def group_of(application_id: str, sink_id: str) -> str:
    """The consumer group of a sink."""
    return f"{application_id}.sink.{sink_id}"


@dataclass(frozen=True, slots=True)
class Standing:
    """A group on one partition. Kafka has the offsets from `first` up to, without it, `end`.

    `committed` is the next offset that the group has not dealt with; None: it has not committed there yet, and begins
    at `first`.
    """

    topic: str
    partition: int
    first: int
    end: int
    committed: int | None

    @property
    def next(self) -> int:
        """Offset that a sink which starts now begins with; what was deleted before it came there is gone."""
        return max(self.first, self.first if self.committed is None else self.committed)

    @property
    def lag(self) -> int:
        """How many offsets it has yet to deal with."""
        return max(0, self.end - self.next)


@dataclass(frozen=True, slots=True)
class Move:
    """A partition whose group is to go on from `new`, which is before where it stands."""

    standing: Standing
    new: int
    wanted: int
    """Where it was asked to go; less than `new` where Kafka no longer has that."""

    @property
    def again(self) -> int:
        """How many offsets are dealt with again."""
        return self.standing.next - self.new


def moves_to(standings: Sequence[Standing], wanted: Mapping[Place, int], *, exact: bool) -> list[Move]:
    """What becomes of the partitions for which an offset is wanted; one that stands before it anyway stays.

    `exact`: each offset was named by somebody, who is told where it would leave out records that were never written, or
    is none. Raises ConfigurationError naming all of those.
    """
    faults = []
    moves = []
    for standing in standings:
        to = wanted.get((standing.topic, standing.partition))
        if to is None:
            continue
        place = f"{standing.topic}:{standing.partition}"
        if exact and to > standing.end:
            faults.append(f"{place} has no offset {to}, it ends before {standing.end}.")
        elif exact and to > standing.next:
            faults.append(f"{place} stands at {standing.next}: from {to} on would leave {to - standing.next} out.")
        elif (new := max(to, standing.first)) < standing.next:
            moves.append(Move(standing, new, to))
    known = {(standing.topic, standing.partition) for standing in standings}
    faults += [
        f"There is no partition {topic}:{partition}." for topic, partition in wanted if (topic, partition) not in known
    ]
    if faults:
        raise ConfigurationError(
            "\n".join(faults),
            "`ironstream sink list --output json` shows where the sink stands; a replay goes back only.",
        )
    return moves


def written_until_ms(standings: Sequence[Standing], last_times_ms: Mapping[Place, int]) -> int | None:
    """Append time up to which every record is dealt with, from that of the last one of each partition.

    Where nothing waits it is that of the newest record; else that of the partition that is the furthest behind. None
    where a partition has records that wait, and none that was dealt with.
    """
    times = {(at.topic, at.partition): last_times_ms.get((at.topic, at.partition)) for at in standings}
    behind = [times[at.topic, at.partition] for at in standings if at.lag]
    if behind:
        known = [time for time in behind if time is not None]
        return min(known) if len(known) == len(behind) else None
    return max((time for time in times.values() if time is not None), default=None)
