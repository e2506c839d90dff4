from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ironstream.domain.segments import segments
from ironstream.domain.windows import sketch
from ironstream.domain.windows.slots import Samples, Slots, joined
from ironstream.domain.windows.stats import EXACT_VALUES, FREE


def filled(counts: list[int], cuts: list[int] | None = None) -> Slots:
    """Slots 0, 1, …, each with the values 1 … count, in one lot or cut into several."""
    slots = Slots(len(counts))
    rows = [(slot, at) for slot, count in enumerate(counts) for at in range(count)]
    edges = [0, *sorted({cut % (len(rows) + 1) for cut in cuts or ()}), len(rows)]
    for first, last in pairwise(edges):
        some = rows[first:last]
        if not some:
            continue
        runs = segments(np.array([slot for slot, _ in some]))
        time = np.array([at * 1000 for _, at in some])
        value = np.array([float(at + 1) for _, at in some])
        slots.open(runs.key, runs.key, timed=True)
        slots.add_samples(Samples(runs, time, value, np.zeros(len(some), np.uint8)), runs.key)
    return slots


@settings(max_examples=40)
@given(
    st.lists(st.sampled_from([0, 1, 3, 8, 9, 255, 256, 257, 300, 512, 513, 700]), min_size=1, max_size=4),
    st.lists(st.integers(0, 3000), max_size=6),
)
def test_values_are_kept_up_to_the_limit_then_sketched_however_they_are_cut(counts: list[int], cuts: list[int]) -> None:
    whole, parts = filled(counts), filled(counts, cuts)
    at = np.arange(len(counts))
    for slots in (whole, parts):
        done = slots.all.take(at)
        done.finish()
        for slot, count in enumerate(counts):
            head = done.head[slot]
            if not count:
                assert head["index"] == FREE
                continue
            assert (head["n"], head["good"], head["mean"]) == (count, count, pytest.approx((count + 1) / 2))
            assert head["buffered"] == (count if count <= EXACT_VALUES else 0)
            assert head["sketched"] == (0 if count <= EXACT_VALUES else count)
            if count > EXACT_VALUES:
                assert sketch.quantile(done.sketches[slot], 0.5) == pytest.approx((count + 1) / 2, rel=0.02)
    assert whole.head.tobytes() == parts.head.tobytes()


@given(st.lists(st.sampled_from([1, 3, 100, 156, 157, 300]), min_size=1, max_size=5))
def test_windows_merge_upward_exactly_up_to_the_limit(counts: list[int]) -> None:
    finer = filled(counts).all.take(np.arange(len(counts)))
    finer.finish()
    slots = Slots(1)
    slots.open(np.array([0]), np.array([0]), timed=False)
    slots.add_windows(finer, segments(np.zeros(len(counts), np.int64)), np.array([0]))
    done = slots.all.take(np.array([0]))
    done.finish()
    values = [float(at + 1) for count in counts for at in range(count)]
    head = done.head[0]
    assert (head["n"], head["mean"]) == (len(values), pytest.approx(np.mean(values)))
    if len(values) <= EXACT_VALUES:
        assert sorted(done.values[0, : head["buffered"]].tolist()) == sorted(values)
    else:
        assert (head["sketched"], head["buffered"]) == (len(values), 0)
        assert done.sketches[0][1].sum() == len(values)


def test_freed_slots_are_as_new_and_joined_windows_keep_their_sketches() -> None:
    slots = filled([3, 300])
    both = joined(slots.all.take(np.array([0])), slots.all.take(np.array([1])))
    assert (len(both), list(both.sketches)) == (2, [1])
    slots.free(np.array([0, 1]))
    assert slots.head.tobytes() == Slots(2).head.tobytes()
    assert not slots.all.sketches
