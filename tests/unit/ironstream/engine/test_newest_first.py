"""Records of several partitions, the newest first."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from ironstream.engine.newest_first import Stretch, newest_first


@dataclass(frozen=True)
class Record:
    partition: int
    offset: int
    timestamp: int


@given(
    logs=st.lists(st.lists(st.integers(0, 50), max_size=30), min_size=1, max_size=4),
    share=st.integers(1, 7),
    limit=st.integers(1, 5),
    every=st.integers(1, 3),
)
def test_page_by_page_each_record_comes_once_and_none_is_left_out(
    logs: list[list[int]], share: int, limit: int, every: int
) -> None:
    log = {
        number: [Record(number, offset, time) for offset, time in enumerate(times)] for number, times in enumerate(logs)
    }
    ends = {number: len(records) for number, records in log.items()}
    found: list[Record] = []
    for _ in range(1_000):
        stretches = {
            number: Stretch(0, max(0, end - share), end, log[number][max(0, end - share) : end])
            for number, end in ends.items()
        }
        page = newest_first(stretches, lambda record: record.offset % every == 0, limit)
        found += page.records
        assert len(page.records) <= limit
        if page.ends == ends:
            break
        ends = page.ends

    assert not any(ends.values())
    wanted = [record for records in log.values() for record in records if record.offset % every == 0]
    assert sorted(found, key=lambda one: (one.partition, one.offset)) == wanted


@given(logs=st.lists(st.lists(st.integers(0, 50), max_size=30).map(sorted), min_size=1, max_size=4))
def test_where_times_are_in_order_so_is_what_comes(logs: list[list[int]]) -> None:
    ends = {number: len(times) for number, times in enumerate(logs)}
    found: list[int] = []
    while any(ends.values()):
        stretches = {
            number: Stretch(0, max(0, end - 3), end, [
                Record(number, offset, logs[number][offset]) for offset in range(max(0, end - 3), end)
            ])
            for number, end in ends.items()
        }  # fmt: skip
        page = newest_first(stretches, lambda record: True, 4)
        found += [record.timestamp for record in page.records]
        ends = page.ends

    assert found == sorted(found, reverse=True)
