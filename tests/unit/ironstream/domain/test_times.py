import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.domain.times import MAX_US, to_iso, to_us


@given(st.integers(0, MAX_US))
def test_a_time_survives_the_way_to_text_and_back(us: int) -> None:
    assert to_us(to_iso(us)) == us


@pytest.mark.parametrize(
    ("wire", "us"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000),
        ("1970-01-01T01:00:01.5+01:00", 1_500_000),
        ("2025-01-10T12:01:03.1234567Z", 1_736_510_463_123_456),
        (1_736_510_463, 1_736_510_463_000_000),
        (1_736_510_463_123, 1_736_510_463_123_000),
        (1_736_510_463.5, 1_736_510_463_500_000),
    ],
)
def test_text_seconds_and_milliseconds_mean_the_same_kind_of_time(wire: str | float, us: int) -> None:
    assert to_us(wire) == us


@pytest.mark.parametrize(
    "wire",
    [
        *("", "yesterday", "2025-01-10T12:01:03", "0001-01-01T00:00:00+23:59", "1969-12-31T23:59:59Z"),
        *(float("nan"), float("inf"), -float("inf"), -1, True, 10**40),
    ],
)
def test_what_is_not_a_time_is_refused_with_a_reason(wire: str | float) -> None:
    with pytest.raises(ValueError, match=r"."):
        to_us(wire)


@given(st.text() | st.floats() | st.integers())
def test_no_input_raises_anything_but_a_value_error(wire: str | float) -> None:
    try:
        us = to_us(wire)
    except ValueError:
        return
    assert 0 <= us <= MAX_US


def test_a_number_too_long_to_be_printed_is_refused_like_any_other() -> None:
    with pytest.raises(ValueError, match="outside the years"):
        to_us(-(10**5000))
