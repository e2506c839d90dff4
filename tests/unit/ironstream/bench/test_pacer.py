from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.bench.pacer import Order, Phase, Sent, steps_of
from ironstream.bench.plant import Plant


@given(start=st.integers(0, 500), count=st.integers(0, 500), series=st.integers(1, 60))
def test_readings_are_dealt_to_the_series_in_turn(start: int, count: int, series: int) -> None:
    dealt = [(step, one) for step, some in steps_of(range(start, start + count), series) for one in some]

    assert dealt == [divmod(number, series) for number in range(start, start + count)]


@given(first=st.integers(0, 24), count=st.integers(0, 25))
def test_a_block_has_the_rows_of_its_series(first: int, count: int) -> None:
    plant = Plant(25, 10, 0, "run-7")
    series = range(first, min(25, first + count))
    values = plant.values(4)[3].tolist()

    rows = [(asset, row) for asset, some in plant.block(series, 3, values, 1_700_000_000_123_456) for row in some]

    assert rows == [(one // 10, plant.row(one, 3, values[one], 1_700_000_000_123_456)) for one in series]
    assert all(json.loads(value)["metadata"]["seq"] == 4 for _, (_, value) in rows)


def test_the_rate_that_was_reached_is_that_of_the_time_it_took() -> None:
    assert Sent(readings=30_000, late_s=0, began_us=5_000_000, ended_us=7_000_000).rate == pytest.approx(15_000)


def test_an_order_has_the_readings_of_all_its_phases() -> None:
    assert Order((Phase(100, 2), Phase(1_000, 0.5)), 10, "a").readings == 700
