from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ironstream.comparison import compare

SETS = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 2))


@given(SETS, SETS)
def test_doing_what_the_comparison_says_leads_to_what_is_wanted(before: dict[str, int], after: dict[str, int]) -> None:
    found = compare({name: (name, n) for name, n in before.items()}, [(name, (name, n)) for name, n in after.items()])

    done = {name: n for name, n in before.items() if name not in found.gone} | dict(found.new) | dict(found.changed)
    assert done == after
    assert len(found.new) + len(found.changed) + len(found.gone) == len(
        {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    )
