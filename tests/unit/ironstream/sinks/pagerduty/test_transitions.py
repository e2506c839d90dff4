from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.contract import AlarmState, AlarmTransition, Severity
from ironstream.sinks.pagerduty.transitions import Action, Entry, calls
from tests.support.clean.alarms import NOW_US, alarm

AGE_S = 3600.0


def entries(ones: Sequence[AlarmTransition], age_s: float = 0) -> list[Entry]:
    at = NOW_US - int(age_s * 1e6)
    return [Entry(one, AlarmState(one.state), Severity[one.severity], at) for one in ones]


def moves(
    *states: str, occurrence: str = "one", severity: str = "HIGH", after: str | None = None
) -> list[AlarmTransition]:
    """A life through these states."""
    before = [after, *states]
    return [alarm(at + 1, state, before[at], occurrence, severity=severity) for at, state in enumerate(states)]


def actions(cut: list[Entry], least: Severity = Severity.INFO) -> list[tuple[str, str]]:
    return [(call.entry.transition.occurrence_id, call.action.value) for call in calls(cut, NOW_US, least, AGE_S)]


@pytest.mark.parametrize(
    ("states", "wanted"),
    [
        (["ACTIVE"], ["trigger"]),
        (["ACTIVE", "ACKNOWLEDGED"], ["acknowledge"]),
        (["ACTIVE", "CLEARED"], ["resolve"]),
        (["ACTIVE", "CLEARED_UNACKED"], ["resolve"]),
        (["ACTIVE", "CLEARED_UNACKED", "ACTIVE"], ["trigger"]),
        (["ACTIVE", "SUPPRESSED"], ["resolve"]),
        (["SUPPRESSED"], ["resolve"]),
        (["ACTIVE", "SUPPRESSED", "ACTIVE"], ["trigger"]),
        (["ACTIVE", "ACKNOWLEDGED", "SUPPRESSED", "CLEARED"], ["resolve"]),
    ],
)
def test_of_each_occurrence_only_its_last_state_is_told(states: list[str], wanted: list[str]) -> None:
    assert [action for _, action in actions(entries(moves(*states)))] == wanted


def test_the_last_transition_counts_in_whatever_order_they_come() -> None:
    assert actions(entries(moves("ACTIVE", "ACKNOWLEDGED", "CLEARED")[::-1])) == [("one", "resolve")]


def test_a_comment_or_a_longer_shelving_is_not_told() -> None:
    assert actions(entries(moves("ACTIVE", after="ACTIVE"))) == []
    assert actions(entries(moves("SUPPRESSED", after="SUPPRESSED"))) == []
    # but it does not hide the move before it
    assert actions(entries(moves("ACTIVE", "ACTIVE"))) == [("one", "trigger")]


def test_what_became_active_long_ago_pages_nobody_and_what_ends_is_always_told() -> None:
    assert actions(entries(moves("ACTIVE"), AGE_S + 1)) == []
    assert actions(entries(moves("ACTIVE"), AGE_S - 1)) == [("one", "trigger")]
    for end, action in (("ACKNOWLEDGED", "acknowledge"), ("CLEARED", "resolve"), ("SUPPRESSED", "resolve")):
        assert actions(entries(moves(end, after="ACTIVE"), 10 * AGE_S)) == [("one", action)]


def test_a_clock_that_is_ahead_pages_all_the_same() -> None:
    assert actions(entries(moves("ACTIVE"), -5 * AGE_S)) == [("one", "trigger")]


def test_what_is_below_the_least_severity_is_not_told() -> None:
    cut = entries([*moves("ACTIVE", severity="LOW"), *moves("ACTIVE", occurrence="two", severity="CRITICAL")])
    assert actions(cut, Severity.HIGH) == [("two", "trigger")]


def test_the_most_urgent_is_told_first() -> None:
    cut = entries(
        [
            *moves("ACTIVE", "CLEARED", occurrence="over", severity="CRITICAL"),
            *moves("ACTIVE", occurrence="low", severity="LOW"),
            *moves("ACTIVE", occurrence="critical", severity="CRITICAL"),
            *moves("ACTIVE", occurrence="high", severity="HIGH"),
        ]
    )
    assert [name for name, _ in actions(cut)] == ["critical", "high", "low", "over"]


states = st.lists(st.sampled_from([state.value for state in AlarmState]), min_size=1, max_size=6)


@given(st.dictionaries(st.sampled_from("abcd"), states, min_size=1), st.data())
def test_a_backlog_pages_for_exactly_what_stands_at_its_end_also_if_it_is_repeated_and_cut_anywhere(
    lives: dict[str, list[str]], data: st.DataObject
) -> None:
    cut = [entry for name, life in lives.items() for entry in entries(moves(*life, occurrence=name))]
    # as a repeat after a crash has it: all from the start again
    bound = data.draw(st.integers(0, len(cut)))
    told: dict[str, Action] = {}
    for part in (cut[:bound], cut):
        found = calls(part, NOW_US, Severity.INFO, AGE_S)
        assert len({call.entry.transition.occurrence_id for call in found}) == len(found)
        assert all(part[call.row] is call.entry for call in found)
        told |= {call.entry.transition.occurrence_id: call.action for call in found}
    triggered = {name for name, action in told.items() if action is Action.TRIGGER}
    assert triggered == {name for name, life in lives.items() if life[-1] == "ACTIVE"}
