from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.contract import SeriesId
from ironstream.ledger.sets import Counted, SparseOffsets
from ironstream.ledger.stored import Held, Stored, Wanted, key_of
from ironstream.query.origins import Origins

SERIES = [SeriesId("acme", "north", asset, parameter) for asset in ("pump", "fan") for parameter in ("speed", "load")]
OTHER = SeriesId("acme", "north", "pump", "noise")
# around the ends of pages of 64 Ki, and far away
OFFSETS = st.one_of(st.integers(0, 20), st.integers(65_530, 65_545), st.integers(10**11, 10**11 + 5))


def tell(held: Held, rows: list[tuple[int, int, SeriesId]]) -> None:
    names = sorted({series for _, _, series in rows})
    held.take(
        Origins(
            np.array([row[0] for row in rows], np.int64),
            np.array([row[1] for row in rows], np.int64),
            np.array([names.index(row[2]) for row in rows], np.int64),
            names,
        )
    )


@given(st.lists(st.lists(OFFSETS)), st.lists(OFFSETS))
def test_offsets_are_counted_up_to_three_however_they_come(batches: list[list[int]], single: list[int]) -> None:
    counted = Counted()
    for batch in batches:
        counted.add_all(np.array(batch, np.int64))
    for offset in single:
        counted.add(offset)
    expected = Counter([*single, *(offset for batch in batches for offset in batch)])
    assert {offset: counted.count(offset) for offset in expected} == {
        offset: min(count, Counted.MOST) for offset, count in expected.items()
    }
    assert counted.count(77) == 0


@given(st.lists(OFFSETS), st.lists(OFFSETS))
def test_a_sparse_set_has_what_was_put_in(put: list[int], asked: list[int]) -> None:
    offsets = SparseOffsets()
    new = [offsets.add(offset) for offset in put]
    assert sum(new) == len(set(put))
    assert offsets.among(np.array(asked, np.int64)).tolist() == [offset in put for offset in asked]


RECORDS = st.lists(st.tuples(st.integers(0, 2), OFFSETS, st.lists(st.sampled_from(SERIES), min_size=1, unique=True)))


@given(RECORDS, st.data())
def test_each_reading_is_told_apart_by_its_raw_record_and_of_several_by_its_series(
    records: list[tuple[int, int, list[SeriesId]]], data: st.DataObject
) -> None:
    by_place = {(partition, offset): series for partition, offset, series in records}
    readings = [
        ((partition, offset), one, one.parameter + one.asset_id if len(series) > 1 else "")
        for (partition, offset), series in by_place.items()
        for one in series
    ]
    wanted = Wanted()
    for place, series, part in readings:
        for _ in range(data.draw(st.integers(1, 3))):
            wanted.add(place, part, series, 0, None)
    span = wanted.settle()
    held = wanted.held()
    rows = data.draw(st.lists(st.sampled_from(readings), max_size=30)) if readings else []
    stored = Counter((place, series) for place, series, _ in rows)
    # what nobody asked for, also beside what somebody did
    strange = [(place[0], place[1], OTHER) for place, series in by_place.items() if len(series) > 1] + [(9, 1, OTHER)]
    cut = data.draw(st.integers(0, len(rows)))
    for some in (rows[:cut], rows[cut:]):
        tell(held, [(*place, series) for place, series, _ in some] + strange)
    for place, series, part in readings:
        assert span.offsets[place[0]][0] <= place[1] <= span.offsets[place[0]][1]
        assert held.rows_of(place, part, series) == min(stored[place, series], Counted.MOST)
        assert [wanted.first_time(place, part, series) for _ in range(2)] == [True, False]


def test_times_are_the_days_that_readings_are_of_and_the_first_arrival_bounds_the_rest() -> None:
    day = 86_400_000_000
    wanted = Wanted()
    for offset, time_us, kafka_us in ((1, 5 * day + 7, 900), (2, 6 * day, None), (3, 9 * day - 1, 800)):
        wanted.add((0, offset), "", SERIES[0], time_us, kafka_us)
    span = wanted.settle()
    assert span.offsets == {0: (1, 3)}
    assert span.times == [(5 * day, 7 * day), (8 * day, 9 * day)]
    assert span.kafka_from_us == 800


def test_what_is_there_more_than_once_is_doubled_and_what_is_not_there_is_missing() -> None:
    stored = Stored()
    stored.there((0, 1), 1)
    explained = [stored.explained]
    stored.there((0, 4), 3)
    explained.append(stored.explained)
    assert explained == [True, False]
    assert (stored.stored, stored.doubled, stored.doubled_places) == (2, 1, [(0, 4)])
    for offset in range(100):
        stored.lost((0, offset))
    assert stored.missing == 100
    assert len(stored.missing_places) == 20


def test_a_series_and_an_offset_that_do_not_fit_are_an_error_not_another_reading() -> None:
    assert key_of(1, 0) > key_of(0, 2**40 - 1)
    for code, offset in ((2**23, 0), (0, 2**40)):
        with pytest.raises(OverflowError):
            key_of(code, offset)
