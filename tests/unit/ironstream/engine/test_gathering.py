"""The wait at the broker follows the work of the agents."""

from __future__ import annotations

import pytest

from ironstream.engine.gathering import LEAST_MS, MOST_MS, Gathering


def settled(gathering: Gathering, share: float, from_s: float = 0.0) -> int:
    """The wait after ten seconds in which agents were at work for `share` of the time."""
    wait_ms = gathering.wait_ms(from_s)
    for second in range(1, 11):
        gathering.worked(share)
        wait_ms = gathering.wait_ms(from_s + second)
    return wait_ms


@pytest.mark.parametrize(
    ("share", "wait_ms"), [(0.0, LEAST_MS), (0.15, LEAST_MS), (0.3, 60), (0.45, MOST_MS), (1.0, MOST_MS)]
)
def test_the_busier_the_agents_the_longer_the_wait(share: float, wait_ms: int) -> None:
    assert settled(Gathering(), share) == pytest.approx(wait_ms, abs=1)


def test_with_less_to_do_the_wait_is_short_again() -> None:
    gathering = Gathering()
    assert settled(gathering, 1.0) == MOST_MS
    assert settled(gathering, 0.0, from_s=10.0) <= LEAST_MS + 1


def test_a_wait_that_lessens_the_work_comes_to_rest() -> None:
    gathering = Gathering()
    waits = []
    for step in range(1, 60):
        wait_ms = gathering.wait_ms(step * 0.25)
        waits.append(wait_ms)
        gathering.worked(0.25 * min(1.0, 17.0 / wait_ms))
    assert max(waits[-10:]) - min(waits[-10:]) <= 2
    assert LEAST_MS < waits[-1] < MOST_MS


def test_two_looks_at_one_moment_are_harmless() -> None:
    gathering = Gathering()
    gathering.worked(1.0)
    assert gathering.wait_ms(5.0) == gathering.wait_ms(5.0) == LEAST_MS
