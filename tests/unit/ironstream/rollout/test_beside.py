from __future__ import annotations

import pytest

from ironstream.errors import ConfigurationError
from ironstream.rollout.beside import CanaryHoldsError, base_of, candidate_of, parent_of, refuse_beside_canary
from ironstream.rollout.history import History
from ironstream.rollout.records import Change, Version

AT = "2026-11-22T12:00:00Z"


def holding(*numbers: int) -> History:
    """A history in which 1 is a version, 2 a candidate, 3 a canary of both on gw-1, 4 one that lacks its candidate."""
    history = History()
    for number in (1, 2):
        history.add(Version(number, f"sha-{number}", "", "ann", "", AT))
    history.add(Version(3, "sha-3", "", "ann", "", AT, parent=1, candidate=2, gateway="gw-1"))
    history.add(Version(4, "sha-4", "", "ann", "", AT, parent=1, candidate=9, gateway="gw-1"))
    for change, number in enumerate(numbers, 1):
        history.add(Change(change, f"c{change}", number, "apply", "ann", "", AT))
    return history


def test_a_canary_is_made_with_what_holds_for_everyone() -> None:
    assert base_of(holding(1), "gw-1").number == 1
    assert base_of(holding(1, 3), "gw-1").number == 1
    with pytest.raises(CanaryHoldsError, match="Gateway gw-1 tries version 2"):
        base_of(holding(1, 3), "gw-2")
    with pytest.raises(ConfigurationError, match="No topology holds yet"):
        base_of(holding(), "gw-1")


def test_a_whole_file_waits_for_the_end_of_the_canary() -> None:
    refuse_beside_canary(holding())
    refuse_beside_canary(holding(1))
    refuse_beside_canary(holding(1, 3, 2))
    with pytest.raises(CanaryHoldsError, match="promote"):
        refuse_beside_canary(holding(1, 3))


def test_the_versions_that_a_canary_is_made_of_are_found_or_missed() -> None:
    history = holding(1, 3)
    canary, broken = history.versions[3], history.versions[4]
    assert (parent_of(history, canary).number, candidate_of(history, canary).number) == (1, 2)
    with pytest.raises(ConfigurationError, match="made of version 9"):
        candidate_of(history, broken)
