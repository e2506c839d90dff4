import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.domain.time_columns import MISSING, format_times, parse_times
from ironstream.domain.times import MAX_US, to_us

forms = st.sampled_from([(20, 1_000_000), (24, 1000), (27, 1)])


def text_of(us: int, length: int) -> str:
    return (format_times(np.array([us]))[0][: length - 1]).rstrip("Z.") + "Z"


@given(st.lists(st.integers(0, MAX_US), min_size=1, max_size=20), forms)
def test_a_column_of_times_is_read_as_each_of_them_alone(times: list[int], form: tuple[int, int]) -> None:
    texts = [text_of(us, form[0]) for us in times]
    found = parse_times(texts)
    assert found is not None
    assert found.tolist() == [to_us(text) for text in texts] == [us // form[1] * form[1] for us in times]


@given(st.lists(st.integers(0, MAX_US), min_size=1, max_size=20))
def test_what_is_written_is_read_again(times: list[int]) -> None:
    found = parse_times(format_times(np.array(times)))
    assert found is not None
    assert found.tolist() == times


@given(
    st.lists(
        st.text("0123456789-:TZ. +é", min_size=20, max_size=27) | st.none() | st.integers(), min_size=1, max_size=3
    )
)
def test_a_column_that_is_read_at_once_holds_only_what_would_be_read_alone(column: list[str | int | None]) -> None:
    found = parse_times(column)
    if found is not None:
        assert found.tolist() == [MISSING if one is None else to_us(one) for one in column]


@pytest.mark.parametrize(
    "odd",
    [
        *("2025-02-29T00:00:00Z", "2025-13-01T00:00:00Z", "2025-00-01T00:00:00Z", "2025-01-00T00:00:00Z"),
        *("2025-01-01T24:00:00Z", "2025-01-01T00:60:00Z", "2025-01-01T00:00:60Z", "1969-12-31T23:59:59Z"),
        *("2025-01-01 00:00:00Z", "2025-01-01T00:00:0oZ", "2025-01-01T00:00:00z", "２025-01-01T00:00:00Z"),
        *(1_700_000_000, None, "", "2025-01-01T00:00:00.0Z"),
    ],
)
def test_one_uncommon_time_leaves_the_column_to_be_read_one_by_one(odd: str | int | None) -> None:
    good = "2024-02-29T23:59:59Z"
    assert parse_times([good, odd]) is None
    assert parse_times([good]) is not None


def test_a_column_without_any_time_is_missing_throughout_and_an_empty_one_empty() -> None:
    missing, empty = parse_times([None, None]), parse_times([])
    assert missing is not None
    assert missing.tolist() == [MISSING, MISSING]
    assert empty is not None
    assert not len(empty)
