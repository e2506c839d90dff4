from __future__ import annotations

from datetime import timedelta, timezone

import pytest

from ironstream.domain.times import to_us
from ironstream.errors import ConfigurationError
from ironstream.query.times import parse_range, parse_time

NOW = to_us("2025-06-15T12:00:00Z")
ZONE = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("now", "2025-06-15T12:00:00Z"),
        ("-90s", "2025-06-15T11:58:30Z"),
        ("-15m", "2025-06-15T11:45:00Z"),
        ("-2h", "2025-06-15T10:00:00Z"),
        ("-2d", "2025-06-13T12:00:00Z"),
        ("-1w", "2025-06-08T12:00:00Z"),
        ("2025-06-15", "2025-06-14T22:00:00Z"),
        ("2025-06-15T08:30", "2025-06-15T06:30:00Z"),
        ("2025-06-15T08:30:00Z", "2025-06-15T08:30:00Z"),
        ("2025-06-15T08:30:00.000001-05:00", "2025-06-15T13:30:00.000001Z"),
    ],
)
def test_times_are_read_as_a_person_means_them(text: str, meant: str) -> None:
    assert parse_time(text, NOW, ZONE) == to_us(meant)


@pytest.mark.parametrize("text", ["", "tomorrow", "-1", "1h", "-1y", "2025-13-01", "1900-01-01", "10:00"])
def test_what_is_no_time_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_time(text, NOW, ZONE)
    assert "-15m" in caught.value.hint


def test_a_time_longer_ago_than_all_is_the_first_of_all() -> None:
    assert parse_time("-999999999w", NOW) == 0


def test_an_end_before_its_begin_is_refused() -> None:
    assert parse_range("-2h", "-1h", NOW) == (to_us("2025-06-15T10:00:00Z"), to_us("2025-06-15T11:00:00Z"))
    with pytest.raises(ConfigurationError, match="not after"):
        parse_range("-1h", "-2h", NOW)
