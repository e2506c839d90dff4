"""Which worker gets which partitions: a partition number as a whole, where its state already is.

All topics of a deployment have the same number of partitions, and what belongs together has the same number. So numbers
are assigned, evenly; each stays with the worker that had it, or else goes to one that has a local copy of its state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

import msgspec
from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata


class Holdings(msgspec.Struct, frozen=True):
    """Partition numbers that a worker had last, and those of which it has a local copy."""

    owned: list[int] = []
    local: list[int] = []


class StateAssignor(AbstractPartitionAssignor):  # type: ignore[misc]  # aiokafka ships no types
    """Assigns partition numbers by where their state is. Use `bound_to` to say what this worker holds."""

    name: ClassVar[str] = "ironstream-state"
    version: ClassVar[int] = 0
    holdings: ClassVar[Callable[[], Holdings]] = staticmethod(Holdings)

    @classmethod
    def bound_to(cls, holdings: Callable[[], Holdings]) -> type[StateAssignor]:
        """The assignor of a worker that holds what `holdings` returns."""
        return type("BoundStateAssignor", (cls,), {"holdings": staticmethod(holdings)})

    @classmethod
    def metadata(cls, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
        """What a worker says of itself when it joins."""
        return ConsumerProtocolMemberMetadata(cls.version, list(topics), msgspec.json.encode(cls.holdings()))

    @classmethod
    def on_assignment(cls, assignment: Any) -> None:
        """Nothing to remember: the worker knows what it holds."""

    @classmethod
    def assign(
        cls, cluster: ClusterMetadata, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        """Assign every partition number to one member, for all topics."""
        topics = sorted({topic for metadata in members.values() for topic in metadata.subscription})
        partitions = {topic: set(cluster.partitions_for_topic(topic) or ()) for topic in topics}
        numbers = sorted(set().union(*partitions.values())) if partitions else []
        held = {member: _decode(metadata.user_data) for member, metadata in members.items()}
        owners = assign_numbers(numbers, held)
        result = {}
        for member in members:
            mine = {number for number, owner in owners.items() if owner == member}
            # While a sink's topics change, some members take one that others do not know yet, and would fail on it.
            known = set(members[member].subscription)
            assigned = [(topic, sorted(partitions[topic] & mine)) for topic in topics if topic in known]
            result[member] = ConsumerProtocolMemberAssignment(cls.version, assigned, b"")
        return result


def assign_numbers(numbers: list[int], held: Mapping[str, Holdings]) -> dict[int, str]:
    """An owner for each number: no member has more than one more than another, and as few as possible move."""
    members = sorted(held)
    owners: dict[int, str] = {}
    share, extra = divmod(len(numbers), len(members))
    load = dict.fromkeys(members, 0)

    def take(number: int, member: str) -> None:
        nonlocal extra
        extra -= load[member] == share
        load[member] += 1
        owners[number] = member

    def has_room(member: str) -> bool:
        return load[member] < share or (load[member] == share and extra > 0)

    for kind in ("owned", "local"):
        for member in members:
            for number in getattr(held[member], kind):
                if number in numbers and number not in owners and has_room(member):
                    take(number, member)
    for number in numbers:
        if number not in owners:
            take(number, min((member for member in members if has_room(member)), key=lambda member: load[member]))
    return owners


def _decode(user_data: bytes) -> Holdings:
    try:
        return msgspec.json.decode(user_data, type=Holdings)
    except (msgspec.DecodeError, TypeError):
        return Holdings()
