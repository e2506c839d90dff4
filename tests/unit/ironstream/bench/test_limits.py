from __future__ import annotations

import pytest

from ironstream.bench.bare import PARTS, Part, repeated
from ironstream.bench.deployment import BenchError
from ironstream.bench.limits import check, limit

ALL = [Part(part, 100, 0.5, 0.25, 0.125) for part in PARTS]


def test_rates_are_per_second_and_costs_per_million() -> None:
    found = limit(Part("consume", 500_000, 2.0, 1.5, 0.25), own_kafka=True)

    assert (found.readings_per_s, found.cpu_s_per_million, found.broker_cpu_s_per_million) == (250_000, 3.0, 0.5)


@pytest.mark.parametrize(("part", "own_kafka"), [("decode", True), ("encode", True), ("chained", False)])
def test_a_broker_that_has_no_part_in_it_costs_nothing_known(part: str, own_kafka: bool) -> None:
    assert limit(Part(part, 100, 1.0, 1.0, 1.0), own_kafka).broker_cpu_s_per_million is None


def test_all_parts_with_all_readings_pass() -> None:
    check(ALL, [100, 100], 100)


@pytest.mark.parametrize(
    ("parts", "written"),
    [
        (ALL[:-1], [100, 100]),
        ([*ALL[:-1], Part("chained", 99, 0.5, 0.25, 0.125)], [100, 100]),
        (ALL, [100, 99]),
        (ALL, [101, 100]),
    ],
)
def test_a_missing_part_or_reading_is_an_error(parts: list[Part], written: list[int]) -> None:
    with pytest.raises(BenchError):
        check(parts, written, 100)


@pytest.mark.parametrize("total", [0, 1, 3, 7])
def test_rows_are_repeated_until_there_are_enough(total: int) -> None:
    assert [row for some in repeated(total, [1, 2, 3]) for row in some] == [1, 2, 3, 1, 2, 3, 1][:total]
