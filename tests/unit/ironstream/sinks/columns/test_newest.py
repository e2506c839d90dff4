from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from ironstream.sinks.columns.newest import newest

rows = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from("xy"), st.integers(-3, 3), st.booleans()), max_size=30
)


def table_of(found: list[tuple[str, str, int, bool]]) -> pa.Table:
    asset, name, time, final = zip(*found, strict=True) if found else ((), (), (), ())
    coded = pa.array(asset, pa.string()).dictionary_encode()
    return pa.table(
        {"asset": coded, "name": pa.array(name, pa.string()), "time": pa.array(time, pa.int64()), "final": final}
        if found
        else {"asset": coded, "name": pa.array(name, pa.string()), "time": pa.array(time, pa.int64()),
              "final": pa.array([], pa.bool_())}
    )  # fmt: skip


@given(rows)
def test_of_each_key_the_highest_row_is_kept_and_of_equals_the_last(found: list[tuple[str, str, int, bool]]) -> None:
    wanted: dict[tuple[str, str], int] = {}
    for place, (asset, name, time, final) in enumerate(found):
        before = wanted.get((asset, name))
        if before is None or (time, final) >= found[before][2:]:
            wanted[asset, name] = place

    kept = newest(table_of(found), ("asset", "name"), ("time", "final"))

    assert kept.tolist() == sorted(wanted.values())
