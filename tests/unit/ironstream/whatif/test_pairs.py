from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ironstream.whatif.pairs import AFTER, BEFORE, Pairs


class Told:
    def __init__(self, most: int = 1_000) -> None:
        self.lone: list[tuple[int, str]] = []
        self.changed: list[str] = []
        self.pairs: Pairs[str] = Pairs(lambda side, key: self.lone.append((side, key)), self.changed.append, most)


def test_equal_results_are_not_told_and_others_are() -> None:
    told = Told()

    for side, key, digest in ((BEFORE, "a", 1), (AFTER, "b", 5), (AFTER, "a", 1), (BEFORE, "b", 6), (AFTER, "c", 7)):
        told.pairs.add(side, key, digest)

    assert (told.lone, told.changed) == ([], ["b"])
    told.pairs.settle()
    assert told.lone == [(AFTER, "c")]


def test_beyond_the_limit_the_oldest_counts_as_alone() -> None:
    told = Told(most=2)

    for key in "abc":
        told.pairs.add(BEFORE, key, 0)

    assert told.lone == [(BEFORE, "a")]
    told.pairs.settle()
    assert told.lone == [(BEFORE, "a"), (BEFORE, "b"), (BEFORE, "c")]


def test_a_key_that_comes_again_on_a_side_is_another_result() -> None:
    told = Told()
    for side in (BEFORE, AFTER):
        told.pairs.add(side, "a", 1)
        told.pairs.add(side, "a", 2 + side)
        told.pairs.add(side, "a", 9)
    told.pairs.add(AFTER, "a", 9)
    told.pairs.settle()

    assert (told.lone, told.changed) == ([(AFTER, "a")], ["a"])


@given(
    st.dictionaries(st.text(max_size=3), st.integers(0, 2)),
    st.dictionaries(st.text(max_size=3), st.integers(0, 2)),
    st.randoms(use_true_random=False),
)
def test_the_order_of_the_sides_makes_no_difference(
    before: dict[str, int], after: dict[str, int], order: object
) -> None:
    told = Told()
    results = [(BEFORE, *one) for one in before.items()] + [(AFTER, *one) for one in after.items()]
    order.shuffle(results)  # type: ignore[attr-defined]  # hypothesis tells no type of its randoms

    for side, key, digest in results:
        told.pairs.add(side, key, digest)
    told.pairs.settle()

    assert set(told.changed) == {key for key in before.keys() & after.keys() if before[key] != after[key]}
    assert set(told.lone) == {(BEFORE, key) for key in before.keys() - after.keys()} | {
        (AFTER, key) for key in after.keys() - before.keys()
    }
