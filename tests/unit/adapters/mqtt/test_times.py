from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mqtt.times import TimeError, TimeUnit, time_us
from ironstream.domain.times import MAX_US

AT_US = 1_736_510_463_123_000


@pytest.mark.parametrize(
    ("told", "unit"),
    [
        ("2025-01-10T12:01:03.123Z", TimeUnit.AUTO),
        ("2025-01-10T14:01:03.123+02:00", TimeUnit.AUTO),
        (1_736_510_463.123, TimeUnit.AUTO),
        (1_736_510_463_123, TimeUnit.AUTO),
        (1_736_510_463_123_000, TimeUnit.AUTO),
        (1_736_510_463_123_000_999, TimeUnit.AUTO),
        ("1736510463123", TimeUnit.AUTO),
        ("1736510463.123", TimeUnit.S),
        (1_736_510_463_123, TimeUnit.MS),
    ],
)
def test_a_time_is_told_in_many_ways(told: Any, unit: TimeUnit) -> None:
    assert time_us(told, unit) == AT_US


@pytest.mark.parametrize(
    "told", [True, None, [], 0, -5, float("nan"), "yesterday", "2025-01-10T12:01:03", "1e99", 1e30]
)
def test_what_is_no_time_is_refused(told: Any) -> None:
    with pytest.raises(TimeError):
        time_us(told)


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.sampled_from(TimeUnit))
def test_anything_is_a_time_that_a_calendar_can_name_or_refused(told: Any, unit: TimeUnit) -> None:
    with contextlib.suppress(TimeError):
        assert 0 <= time_us(told, unit) <= MAX_US
