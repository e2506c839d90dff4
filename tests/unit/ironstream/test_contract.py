from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.contract import Topic


def test_a_sink_may_take_readings_every_size_events_and_alarms() -> None:
    assert Topic.clean([3600, 1, 60]) == (
        "telemetry.clean", "telemetry.1s", "telemetry.1min", "telemetry.1hour", "events.clean", "alarms.clean",
    )  # fmt: skip


@given(st.integers(1, 31 * 86_400))
def test_the_topic_of_a_size_tells_the_size(size_s: int) -> None:
    assert Topic.size_s(Topic.aggregates(size_s)) == size_s


@pytest.mark.parametrize(
    "topic",
    [
        "telemetry.clean",
        "telemetry.0s",
        "telemetry.1",
        "telemetry.1d",
        "xtelemetry.1s",
        "telemetry.１s",
        "telemetry.1s ",
    ],
)
def test_other_topics_have_no_size(topic: str) -> None:
    assert Topic.size_s(topic) is None
