from __future__ import annotations

import re
from fnmatch import fnmatchcase

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.contract import SeriesId
from ironstream.errors import ConfigurationError
from ironstream.query.patterns import NAMES, SeriesPattern, regex_of

globs = st.lists(st.sampled_from(["*", "?", "[ab]", "[!b-]", "a", "b", ".", "-", "_"]), min_size=1, max_size=6).map(
    "".join
)
names = st.text("ab.-_", min_size=1, max_size=6)


@given(globs, names)
def test_a_glob_means_what_it_means_elsewhere(glob: str, name: str) -> None:
    assert bool(re.search(regex_of(glob), name)) == fnmatchcase(name, glob)


@given(st.lists(st.tuples(names, names, names, names), max_size=12), globs, globs)
def test_rows_are_picked_as_series_are(rows: list[tuple[str, str, str, str]], asset: str, parameter: str) -> None:
    pattern = SeriesPattern(asset_id=asset, parameter=parameter)
    columns = zip(*rows, strict=True) if rows else ((), (), (), ())
    table = pa.table(
        {name: pa.array(column, pa.string()).dictionary_encode() for name, column in zip(NAMES, columns, strict=True)}
    )

    picked = [tuple(row.values()) for row in pattern.of_table(table).to_pylist()]

    assert picked == [row for row in rows if pattern.matches(SeriesId(*row))]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("*", SeriesPattern()),
        ("pump-*", SeriesPattern(asset_id="pump-*")),
        ("pump-1/temperature", SeriesPattern(asset_id="pump-1", parameter="temperature")),
        ("north-works/*/speed", SeriesPattern(site_id="north-works", parameter="speed")),
        ("acme/north-works/p/t", SeriesPattern("acme", "north-works", "p", "t")),
    ],
)
def test_parts_are_named_from_the_right(text: str, meant: SeriesPattern) -> None:
    assert SeriesPattern.parse(text) == meant


@pytest.mark.parametrize("text", ["", "a//b", "a/b/c/d/e", "pump 1", "a;b", "[", "pump-[", "a'b", "x" * 300])
def test_what_is_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="no pattern"):
        SeriesPattern.parse(text)


def test_a_row_without_a_parameter_is_of_no_pattern_of_parameters() -> None:
    table = pa.table({"parameter": pa.array(["speed", None], pa.string()).dictionary_encode()})

    assert SeriesPattern(parameter="s*").of_table(table).to_pylist() == [{"parameter": "speed"}]
    assert len(SeriesPattern().of_table(table)) == 2
