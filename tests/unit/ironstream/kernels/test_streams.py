"""The index of streams tells any names apart, and finds those it was given."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ironstream.kernels.layout import PARTS, READING_COLUMNS, SLOW, TAKEN
from ironstream.kernels.streams import StreamIndex

parts = st.tuples(*[st.one_of(st.none(), st.text("ab/", max_size=3))] * 6)


def laid_out(names: list[tuple[str | None, ...]]) -> tuple[np.ndarray, np.ndarray]:
    buffer, rows = bytearray(b"x"), np.full((len(names), READING_COLUMNS), -1, np.int64)
    for row, name in zip(rows, names, strict=True):
        for number, part in enumerate(name):
            if part is not None:
                row[PARTS + 2 * number : PARTS + 2 * number + 2] = len(buffer), len(buffer) + len(part)
                buffer += part.encode()
    return np.frombuffer(buffer, np.uint8), rows


@given(st.lists(parts, min_size=1, max_size=40))
def test_streams_are_found_by_all_of_their_names(names: list[tuple[str | None, ...]]) -> None:
    buffer, rows = laid_out(names)
    index, known = StreamIndex(), dict[tuple[str | None, ...], int]()
    for row, name in zip(rows, names, strict=True):
        assert index.find(buffer, row[None], np.array([TAKEN], np.uint8))[0] == known.get(name, -1)
        if name not in known:
            known[name] = 100 + len(known)
            index.add(buffer, row, known[name])
    fates = np.full(len(names), TAKEN, np.uint8)
    assert index.find(buffer, rows, fates).tolist() == [known[name] for name in names]
    assert index.find(buffer, rows, np.full(len(names), SLOW, np.uint8)).tolist() == [-1] * len(names)


def test_it_grows() -> None:
    names: list[tuple[str | None, ...]] = [
        (f"t{number % 7}", None, f"asset-{number}", "p", None, "b") for number in range(5000)
    ]
    buffer, rows = laid_out(names)
    index = StreamIndex()
    for number, row in enumerate(rows):
        index.add(buffer, row, number)
    assert index.find(buffer, rows, np.full(len(rows), TAKEN, np.uint8)).tolist() == list(range(5000))
