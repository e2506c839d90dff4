import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.domain.rules import WindowSize
from ironstream.domain.segments import segments
from ironstream.domain.windows.level import KeptWindows, Level
from ironstream.domain.windows.slots import Samples, Slots, Windows
from ironstream.errors import EngineError
from tables import windows as rows


def window_of(count: int, *, timed: bool) -> Windows:
    slots = Slots(1)
    runs = segments(np.zeros(count, np.int64))
    slots.open(np.array([0]), np.array([7]), timed=True)
    slots.add_samples(Samples(runs, np.arange(count), np.arange(count) / 3, np.zeros(count, np.uint8)), np.array([0]))
    finer = slots.all.take(np.array([0]))
    if timed:
        return finer
    finer.finish()
    above = Slots(1)
    above.open(np.array([0]), np.array([0]), timed=False)
    above.add_windows(finer, segments(np.zeros(1, np.int64)), np.array([0]))
    return above.all.take(np.array([0]))


def assert_same(a: Windows, b: Windows) -> None:
    count = int(a.head["buffered"][0])
    assert a.head.tobytes() == b.head.tobytes()
    assert a.values[0, :count].tobytes() == b.values[0, :count].tobytes()
    if a.head["timed"][0]:
        assert a.times[0, :count].tobytes() == b.times[0, :count].tobytes()
    assert a.sketches.keys() == b.sketches.keys()
    for at, (numbers, counts) in a.sketches.items():
        assert (numbers.tolist(), counts.tolist()) == tuple(column.tolist() for column in b.sketches[at])


@pytest.mark.parametrize("count", [1, 8, 9, 256, 257, 513])
@pytest.mark.parametrize("timed", [True, False])
def test_a_window_is_read_as_it_was_written(count: int, timed: bool) -> None:
    window = window_of(count, timed=timed)
    (row,) = rows.pack_windows(window)
    assert_same(rows.unpack_window(row), window)


def level_of(series: int) -> Level:
    level = Level(WindowSize(10_000_000, 5_000_000, 60_000_000))
    level.grow(series)
    return level


@given(st.lists(st.tuples(st.sampled_from([0, 1, 9, 256, 300]), st.integers(0, 2), st.booleans()), max_size=5))
def test_open_windows_are_put_back_as_they_were_kept(plan: list[tuple[int, int, bool]]) -> None:
    level = level_of(len(plan))
    for series, (count, number, timed) in enumerate(plan):
        level.closed_by_silence[series] = series - 1
        if count:
            slot = np.array([series * level.per_series + number % level.per_series])
            level.slots.open(slot, np.array([number]), timed=timed)
            runs = segments(np.zeros(count, np.int64))
            some = Samples(runs, np.arange(count), np.arange(count) / 3, np.zeros(count, np.uint8))
            if timed:
                level.slots.add_samples(some, slot)
            else:
                level.slots.add_windows(window_of(count, timed=False), segments(np.zeros(1)), slot)
    every = np.arange(len(plan))
    packed = list(rows.pack_open(level, every))
    again, kept, owners = level_of(len(plan)), KeptWindows(), []
    for series, row in enumerate(packed):
        again.closed_by_silence[series], found = rows.unpack_open(row, kept)
        owners += [series] * found
    if owners:
        again.put_back(np.array(owners), kept)
    assert list(rows.pack_open(again, every)) == packed
    assert len(owners) == sum(count > 0 for count, _, _ in plan)


names = st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,8}\Z").map(str.encode)


@given(st.lists(st.tuples(st.sampled_from([1, 60, 3600]), names, st.integers(-(2**40), 2**40)), min_size=2, max_size=6))
def test_keys_of_a_series_are_in_the_order_of_its_windows_and_apart_from_all_others(
    parts: list[tuple[int, bytes, int]],
) -> None:
    keys = [rows.window_key(rows.CLOSED, size * 1_000_000, name, number) for size, name, number in parts]
    assert [rows.parse_window_key(rows.CLOSED, key) for key in keys] == [
        (size * 1_000_000, name, number) for size, name, number in parts
    ]
    for (size, name, _), key in zip(parts, keys, strict=True):
        prefix = rows.window_prefix(rows.CLOSED, size * 1_000_000, name)
        mine = sorted(key for key in keys if key.startswith(prefix))
        assert key in mine
        numbers = [rows.parse_window_key(rows.CLOSED, one)[2] for one in mine]
        assert numbers == sorted(numbers)
        assert {rows.parse_window_key(rows.CLOSED, one)[1] for one in mine} == {name}
        assert rows.parse_open_key(rows.open_key(size * 1_000_000, name)) == (size * 1_000_000, name)


@pytest.mark.parametrize("row", [b"", b"\x02abc"])
def test_a_row_of_another_layout_is_refused_with_what_to_do(row: bytes) -> None:
    with pytest.raises(EngineError, match="run the release that wrote it"):
        rows.unpack_window(row)
    with pytest.raises(EngineError, match="run the release that wrote it"):
        rows.unpack_open(row, KeptWindows())
