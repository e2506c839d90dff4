"""How far the consumer groups of sinks are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ironstream.domain.times import to_iso
from ironstream.sinks.group import Place, Standing, group_of, written_until_ms
from ironstream.sinks.groups import SinkGroups


@dataclass(frozen=True, slots=True)
class GroupState:
    """The group of a sink as it is: its members, where it stands, and until when everything is written."""

    group: str
    members: list[str]
    standings: list[Standing]
    last_times_ms: Mapping[Place, int]

    @property
    def lag(self) -> int:
        """Offsets of all its topics that it has yet to deal with."""
        return sum(standing.lag for standing in self.standings)

    @property
    def written_until_ms(self) -> int | None:
        """When the record came in up to which everything is written; None: not known, or nothing is yet."""
        return written_until_ms(self.standings, self.last_times_ms)

    @property
    def written_until(self) -> str | None:
        """The same as ISO-8601."""
        time_ms = self.written_until_ms
        return None if time_ms is None else to_iso(time_ms * 1000)


async def group_state(groups: SinkGroups, application_id: str, sink_id: str, topics: Sequence[str]) -> GroupState:
    """The group of a sink that takes these topics."""
    group = group_of(application_id, sink_id)
    standings = await groups.standings(group, topics)
    times = await groups.last_times_ms(standings)
    return GroupState(group, await groups.members(group), standings, times)
