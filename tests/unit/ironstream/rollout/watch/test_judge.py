from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.rollout.watch.judge import LEAST, Health, judge
from ironstream.topology.model import Canary

LIMITS = Canary()
GOOD = Health(readings=600)


def names(reasons: list[str]) -> list[str]:
    return [word for reason in reasons for word in ("are refused", "BAD", "silent", "most", "behind") if word in reason]


@pytest.mark.parametrize(
    ("since", "broken"),
    [
        (Health(600), []),
        (Health(600, bad={"range": 600}), ["BAD"]),
        (Health(600, bad={"range": 29}), []),
        (Health(600, refused={"malformed": 40}), ["are refused"]),
        (Health(600, refused={"malformed": 40}, bad={"range": 90}), ["are refused", "BAD"]),
        (Health(600, series=10, silent=("a", "b")), ["silent"]),
        (Health(600, series=20, silent=("a", "b")), []),
        (Health(600, series=10, spoiled=("a", "b")), ["most"]),
        (Health(600, series=20, silent=("a", "b"), spoiled=("c",)), ["silent", "most"]),
        (Health(600, series=30, silent=("a", "b"), spoiled=("c",)), []),
        (Health(600, is_late=True), ["behind"]),
        (Health(LEAST - 1, bad={"range": LEAST - 1}), []),
        (Health(LEAST, bad={"range": LEAST}), ["BAD"]),
        # of so few this may be chance
        (Health(LEAST, bad={"range": 2}), []),
        (Health(), []),
    ],
)
def test_what_has_become_worse_than_its_limit_is_told(since: Health, broken: list[str]) -> None:
    assert names(judge(GOOD, since, LIMITS)) == broken


def test_at_the_end_of_the_watch_what_has_come_is_enough() -> None:
    few = Health(3, bad={"range": 3})
    assert judge(GOOD, few, LIMITS) == []
    assert names(judge(GOOD, few, LIMITS, is_over=True)) == ["BAD"]
    assert judge(GOOD, Health(), LIMITS, is_over=True) == []


def test_a_reason_has_its_figures() -> None:
    since = Health(200, bad={"range": 90, "not_a_number": 10}, series=4, silent=("x", "y"))
    assert judge(Health(400, bad={"range": 4}), since, LIMITS) == [
        "50.0 % of 200 readings are BAD (range 90, not_a_number 10), 1.0 % of 400 were before",
        "2 of 4 series have fallen silent (x, y)",
    ]


_COUNTS = st.dictionaries(st.sampled_from(["range", "malformed"]), st.integers(0, 50))
_HEALTH = st.builds(
    Health, st.integers(100, 500), _COUNTS, _COUNTS, st.just(0), st.just(()), st.just(()), st.booleans()
)


@given(_HEALTH, st.booleans())
def test_what_is_as_bad_as_before_is_no_reason(health: Health, is_over: bool) -> None:
    assert judge(health, health, LIMITS, is_over=is_over) == []


@given(_HEALTH, _HEALTH)
def test_what_is_judged_during_the_watch_holds_at_its_end_too(before: Health, since: Health) -> None:
    during, end = judge(before, since, LIMITS), judge(before, since, LIMITS, is_over=True)
    assert set(during) <= set(end)
