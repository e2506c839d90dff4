from itertools import accumulate, groupby

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ironstream.domain.segments import previous, running_max, segments

columns = st.lists(st.tuples(st.integers(0, 4), st.integers(-20, 20)), min_size=1, max_size=40).map(sorted)


@given(columns)
def test_runs_are_the_groups_of_equal_neighbours(rows: list[tuple[int, int]]) -> None:
    keys = [key for key, _ in rows]
    runs = segments(np.array(keys))
    groups = [(key, len(list(group))) for key, group in groupby(keys)]
    assert list(zip(runs.key.tolist(), runs.length.tolist(), strict=True)) == groups
    assert runs.key[runs.of_row].tolist() == keys
    assert runs.rank().tolist() == [rank for _, length in groups for rank in range(length)]
    even = np.array([value % 2 == 0 for _, value in rows])
    by_key = {key: [value % 2 == 0 for k, value in rows if k == key] for key in keys}
    assert runs.all(even).tolist() == [all(by_key[key]) for key, _ in groups]
    assert runs.any(even).tolist() == [any(by_key[key]) for key, _ in groups]


@given(columns, st.lists(st.integers(-30, 30), min_size=5, max_size=5))
def test_what_went_before_a_row_is_of_its_own_run(rows: list[tuple[int, int]], start: list[int]) -> None:
    rows = [(key, (at * 7) % 41 - 20) for at, (key, _) in enumerate(rows)]
    runs = segments(np.array([key for key, _ in rows]))
    column = np.array([value for _, value in rows])
    before = np.array(start)[runs.key]
    want_previous, want_max = [], []
    for key, group in groupby(rows, key=lambda row: row[0]):
        values = [value for _, value in group]
        want_previous += [start[key], *values[:-1]]
        want_max += list(accumulate(values, max, initial=start[key]))[1:]
    assert previous(column, runs, before).tolist() == want_previous
    assert running_max(column, runs, before).tolist() == want_max
