from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.gateway.schedule import backoff_s, next_due_s, phase


@given(start=st.floats(0, 1e6), interval=st.floats(0.01, 3600), elapsed=st.floats(0, 1e5))
def test_the_next_poll_is_on_the_grid_and_within_one_interval(start: float, interval: float, elapsed: float) -> None:
    due = next_due_s(start, interval, start + elapsed)
    assert -1e-6 <= due - (start + elapsed) <= interval + 1e-6
    steps = (due - start) / interval
    assert steps == pytest.approx(round(steps), abs=1e-4)


@given(attempt=st.integers(0, 10_000), seed=st.integers())
def test_the_pause_grows_to_its_cap_and_is_never_less_than_half(attempt: int, seed: int) -> None:
    full = min(30.0, 0.5 * 2 ** min(attempt, 30))
    assert full / 2 <= backoff_s(attempt, Random(seed), 0.5, 30.0) <= full


@pytest.mark.parametrize("count", [2, 10, 100])
def test_devices_are_polled_apart_however_many_there_are(count: int) -> None:
    phases = sorted(phase(number) for number in range(count))
    apart = [later - earlier for earlier, later in zip(phases, [*phases[1:], phases[0] + 1], strict=True)]
    assert min(apart) > 0.3 / count
    assert max(apart) < 2 / count
