"""Partition numbers go to workers evenly, and stay where their state is."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from ironstream.engine.assignor import Holdings, StateAssignor, assign_numbers

members = st.dictionaries(
    st.sampled_from([f"worker-{n}" for n in range(6)]),
    st.builds(Holdings, st.lists(st.integers(0, 30), unique=True), st.lists(st.integers(0, 30), unique=True)),
    min_size=1,
)


@given(st.integers(0, 24).map(lambda n: list(range(n))), members)
def test_every_number_has_one_owner_and_no_worker_has_two_more_than_another(
    numbers: list[int], held: dict[str, Holdings]
) -> None:
    owners = assign_numbers(numbers, held)
    assert sorted(owners) == numbers
    load = Counter({member: 0 for member in held}) + Counter(owners.values())
    counts = [load[member] for member in held]
    assert max(counts) - min(counts) <= 1


@given(st.integers(1, 24).map(lambda n: list(range(n))), members)
def test_an_assignment_is_kept_when_nobody_comes_or_goes(numbers: list[int], held: dict[str, Holdings]) -> None:
    owners = assign_numbers(numbers, held)
    kept = {member: Holdings([n for n, owner in owners.items() if owner == member]) for member in held}
    assert assign_numbers(numbers, kept) == owners


def test_a_worker_that_joins_takes_its_share_and_no_more_moves() -> None:
    held = {"a": Holdings(list(range(12))), "b": Holdings()}
    owners = assign_numbers(list(range(12)), held)
    assert [number for number in range(12) if owners[number] == "a"] == list(range(6))


def test_a_worker_that_comes_back_gets_what_it_has_a_copy_of() -> None:
    held = {"a": Holdings([0, 1, 2, 3]), "b": Holdings([], [2, 3])}
    assert assign_numbers([0, 1, 2, 3], {"b": held["b"], "a": Holdings()})[2] == "b"


def test_without_numbers_nothing_is_assigned() -> None:
    assert assign_numbers([], {"a": Holdings()}) == {}


class Cluster:
    """Every topic has four partitions."""

    def partitions_for_topic(self, topic: str) -> set[int]:
        return set(range(4))


def test_a_member_gets_nothing_of_a_topic_that_it_does_not_know_and_others_leave_it_its_numbers() -> None:
    members = {"a": StateAssignor.metadata(["clean"]), "b": StateAssignor.metadata(["clean", "events"])}
    assigned = {member: dict(one.assignment) for member, one in StateAssignor.assign(Cluster(), members).items()}
    assert set(assigned["a"]) == {"clean"}
    assert sorted(assigned["a"]["clean"] + assigned["b"]["clean"]) == [0, 1, 2, 3]
    assert assigned["b"]["events"] == assigned["b"]["clean"]
