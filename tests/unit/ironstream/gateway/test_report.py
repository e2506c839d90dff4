from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ironstream.contract import Quality
from ironstream.gateway.adapter import COMM_LOSS, NOT_A_NUMBER, Point, Sample
from ironstream.gateway.report import Reporter
from ironstream.gateway.report_config import ReportConfig

SECOND = 1_000_000
X = Point("x")
values = st.lists(st.floats(-1000, 1000), min_size=1, max_size=60)


def reporter(**fields: Any) -> Reporter:
    return Reporter(ReportConfig.model_validate(fields))


def sample(second: float, value: float | None, reason: str | None = None) -> Sample:
    quality = Quality.GOOD if reason is None else Quality.BAD
    return Sample(X, value, round(second * SECOND), None, quality, reason)


def sent(rep: Reporter, samples: list[Sample]) -> list[Sample]:
    return [out for one in samples for out in rep.step(one)]


def series(numbers: list[float]) -> list[Sample]:
    return [sample(second, value) for second, value in enumerate(numbers)]


def at(out: list[Sample]) -> list[tuple[float, float | bool | str | int | None]]:
    return [(one.gateway_time_us / SECOND, one.value) for one in out]


@given(numbers=values)
def test_on_received_sends_everything(numbers: list[float]) -> None:
    assert sent(reporter(), series(numbers)) == series(numbers)


def test_on_change_sends_what_differs_and_the_sample_before_it() -> None:
    out = sent(reporter(mode="on_change"), series([1, 1, 1, 2, 2]))
    assert at(out) == [(0, 1), (2, 1), (3, 2)]


def test_the_held_sample_is_sent_with_its_own_time_when_the_value_leaves_the_deadband() -> None:
    out = sent(reporter(mode="on_change", deadband=5), series([10, 12, 14, 15, 16, 17]))
    assert at(out) == [(0, 10), (3, 15), (4, 16)]


def test_more_than_two_percent_or_every_five_minutes() -> None:
    rep = reporter(mode="on_change_or_period", deadband_percent=2, period_s=300)
    out = sent(rep, [sample(0, 100), sample(60, 102), sample(120, 98), sample(299, 101), sample(300, 101.5)])
    assert at(out) == [(0, 100), (300, 101.5)]
    out = sent(rep, [sample(330, 103.5), sample(331, 103.6)])
    assert at(out) == [(330, 103.5), (331, 103.6)]


def test_on_period_sends_one_each_period() -> None:
    out = sent(reporter(mode="on_period", period_s=10), [sample(s, s) for s in range(31)])
    assert at(out) == [(0, 0), (10, 10), (20, 20), (30, 30)]


@given(numbers=values, deadband=st.floats(0, 100))
def test_what_is_not_sent_is_within_the_deadband_of_what_was_sent_last(numbers: list[float], deadband: float) -> None:
    rep = reporter(mode="on_change", deadband=deadband)
    last: float | None = None
    for one in series(numbers):
        out = rep.step(one)
        assert isinstance(one.value, float)
        if out:
            assert out[-1] == one
            last = one.value
        assert last is not None
        assert abs(one.value - last) <= deadband


@given(numbers=values, mode=st.sampled_from(["on_change", "on_period", "on_change_or_period"]))
def test_what_is_sent_was_read_and_is_in_order_and_sent_once(numbers: list[float], mode: str) -> None:
    rep = reporter(mode=mode, period_s=7, **({} if mode == "on_period" else {"deadband": 10}))
    out = sent(rep, series(numbers)) + rep.drain()
    times = [one.gateway_time_us for one in out]
    assert times == sorted(set(times))
    assert all(one in series(numbers) for one in out)
    assert out[0] == series(numbers)[0]


@given(numbers=values, threshold=st.floats(0.1, 100), max_time=st.integers(1, 50))
def test_a_line_through_what_the_swinging_door_sends_misses_no_sample_by_more_than_the_threshold(
    numbers: list[float], threshold: float, max_time: int
) -> None:
    rep = reporter(mode="on_change", swinging_door={"threshold": threshold, "max_time_s": max_time})
    read = series(numbers)
    out = sent(rep, read) + rep.drain()
    assert out[0] == read[0]
    assert out[-1] == read[-1]
    for before, after in pairwise(out):
        span = after.gateway_time_us - before.gateway_time_us
        assert 0 < span <= max_time * SECOND
        for one in read:
            if before.gateway_time_us <= one.gateway_time_us <= after.gateway_time_us:
                share = (one.gateway_time_us - before.gateway_time_us) / span
                assert isinstance(before.value, float)
                assert isinstance(after.value, float)
                assert isinstance(one.value, float)
                line = before.value + share * (after.value - before.value)
                assert abs(line - one.value) <= threshold * (1 + 1e-6) + 1e-6


def test_the_swinging_door_sends_a_straight_line_as_its_two_ends() -> None:
    rep = reporter(mode="on_change", swinging_door={"threshold": 0.5, "max_time_s": 3600})
    out = sent(rep, series([float(2 * i) for i in range(100)])) + rep.drain()
    assert at(out) == [(0, 0), (99, 198)]


def test_a_spike_right_after_a_sent_sample_is_noise() -> None:
    rep = reporter(mode="on_change", swinging_door={"threshold": 1, "min_time_s": 2, "max_time_s": 60})
    assert at(sent(rep, [sample(0, 10), sample(1, 99), sample(2, 10), sample(3, 10)])) == [(0, 10)]


@pytest.mark.parametrize(
    "fields",
    [
        {"mode": "on_change", "deadband": 1000},
        {"mode": "on_period", "period_s": 3600},
        {"mode": "on_change", "swinging_door": {"threshold": 1000}},
    ],
)
def test_a_dead_sensor_and_its_return_are_sent_at_once_with_the_held_sample_before(fields: dict[str, Any]) -> None:
    rep = reporter(**fields)
    out = sent(rep, [sample(0, 1), sample(1, 2), sample(2, None, NOT_A_NUMBER), sample(3, 2), sample(4, 2)])
    held = [] if "period_s" in fields else [(1, 2)]
    assert at(out) == [(0, 1), *held, (2, None), (3, 2)]


@pytest.mark.parametrize("mode", ["on_received", "on_change", "on_change_or_period"])
def test_a_lost_device_is_told_once(mode: str) -> None:
    rep = reporter(mode=mode, **({"period_s": 1} if mode.endswith("period") else {}))
    assert at(sent(rep, [sample(s, None, COMM_LOSS) for s in range(5)])) == [(0, None)]
    assert at(rep.step(sample(5, 1.0))) == [(5, 1.0)]


def test_a_dead_sensor_is_told_each_time_where_everything_is() -> None:
    assert len(sent(reporter(), [sample(s, None, NOT_A_NUMBER) for s in range(3)])) == 3


def test_a_step_back_of_the_clock_sends_at_once() -> None:
    out = sent(reporter(mode="on_change", deadband=10), [sample(100, 1), sample(50, 1.5)])
    assert at(out) == [(100, 1), (50, 1.5)]


def test_what_is_held_when_reading_stops_is_not_lost() -> None:
    rep = reporter(mode="on_change", deadband=10)
    sent(rep, series([1, 2, 3]))
    assert at(rep.drain()) == [(2, 3)]
    assert rep.drain() == []


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"mode": "on_period"}, "needs period_s"),
        ({"mode": "on_change", "deadband": 1, "deadband_percent": 1}, "not both"),
        ({"swinging_door": {"threshold": 1}}, "needs mode on_change"),
        ({"mode": "on_change", "deadband": 1, "swinging_door": {"threshold": 1}}, "leave them out"),
        ({"mode": "on_change", "swinging_door": {"threshold": 1, "min_time_s": 9, "max_time_s": 5}}, "less than"),
    ],
)
def test_settings_that_contradict_one_another_are_refused(fields: dict[str, Any], fault: str) -> None:
    with pytest.raises(ValidationError, match=fault):
        ReportConfig.model_validate(fields)


def on_device(device_second: float, gateway_second: float, value: float) -> Sample:
    return Sample(X, value, round(gateway_second * SECOND), round(device_second * SECOND))


def test_the_swinging_door_draws_its_lines_over_the_time_of_the_device() -> None:
    rep = reporter(mode="on_change", swinging_door={"threshold": 0.1})
    # a straight line by the device's clock, told in two heaps
    told = [on_device(second, 10 + second // 3, float(second)) for second in range(6)]
    assert sent(rep, told) == told[:1]
    assert rep.drain() == told[-1:]


def test_a_device_whose_clock_stands_still_is_heard_every_period_all_the_same() -> None:
    rep = reporter(mode="on_period", period_s=5)
    out = sent(rep, [on_device(0, second, 1.0) for second in range(11)])
    assert [one.gateway_time_us // SECOND for one in out] == [0, 5, 10]
