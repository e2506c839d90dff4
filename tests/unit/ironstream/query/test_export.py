from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.errors import ConfigurationError, IronstreamError
from ironstream.query.export import export
from ironstream.query.shapes import by_size, shape_of
from ironstream.query.tables import canonical_json, shaped

SHAPE = shape_of("readings")


def rows(first: int, count: int) -> pa.Table:
    names: dict[str, Any] = {name: ["a"] * count for name in ("tenant_id", "site_id", "asset_id", "parameter")}
    found = names | {
        "time": pa.array(range(first, first + count), pa.timestamp("us", "UTC")),
        "value": [float(at) for at in range(count)],
        "quality": ["GOOD"] * count,
        "quality_reasons": pa.array([["stuck", "clock_skew"]] * count, pa.list_(pa.string())),
        "raw_partition": [0] * count,
        "raw_offset": list(range(count)),
    }
    return shaped(pa.table(found), SHAPE)


def names_in(folder: Path) -> list[str]:
    return [one.name for one in folder.iterdir()]


async def some(count: int, *, broken: bool = False) -> AsyncIterator[pa.Table]:
    for at in range(count):
        yield rows(at * 10, 10)
    if broken:
        raise IronstreamError("the store is gone")


async def test_a_parquet_file_holds_all_rows_with_their_types(tmp_path: Path) -> None:
    path, told = tmp_path / "out.parquet", list[int]()

    assert await export(some(5), SHAPE, path, lambda table: told.append(len(table))) == 50

    found = pq.read_table(path)
    assert found.schema.equals(SHAPE.schema)
    assert found.equals(pa.concat_tables([rows(at * 10, 10) for at in range(5)]))
    assert told == [10] * 5
    assert names_in(tmp_path) == ["out.parquet"]


async def test_a_csv_file_has_times_in_utc_and_reasons_in_one_cell(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    await export(some(1), SHAPE, path, lambda table: None)

    head, first, *_ = path.read_text("utf-8").splitlines()
    assert head.startswith('"tenant_id","site_id","asset_id","parameter","time","value"')
    assert first.startswith('"a","a","a","a","1970-01-01T00:00:00.000000Z",0,,"GOOD","stuck;clock_skew"')


async def test_nothing_stored_is_a_file_without_rows(tmp_path: Path) -> None:
    assert await export(some(0), SHAPE, tmp_path / "out.parquet", lambda table: None) == 0
    assert pq.read_table(tmp_path / "out.parquet").schema.equals(SHAPE.schema)


async def test_an_export_that_breaks_off_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(IronstreamError, match="gone"):
        await export(some(3, broken=True), SHAPE, tmp_path / "out.csv", lambda table: None)

    assert names_in(tmp_path) == []


async def test_a_file_that_is_there_stays_unless_it_may_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    path.write_text("mine")
    with pytest.raises(ConfigurationError, match="already"):
        await export(some(1), SHAPE, path, lambda table: None)
    assert path.read_text() == "mine"

    await export(some(1), SHAPE, path, lambda table: None, force=True)
    assert len(path.read_text().splitlines()) == 11


async def test_a_name_of_no_format_and_a_folder_that_is_not_there_say_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="neither"):
        await export(some(1), SHAPE, tmp_path / "out.xlsx", lambda table: None)
    with pytest.raises(IronstreamError, match="cannot be written"):
        await export(some(1), SHAPE, tmp_path / "none" / "out.csv", lambda table: None)


@given(st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3), lambda inner: (
    st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)), max_leaves=8))  # fmt: skip
def test_json_has_one_form_however_it_is_spaced_and_ordered(value: Any) -> None:
    turned = dict(reversed(value.items())) if isinstance(value, dict) else value
    assert canonical_json(json.dumps(turned, indent=1)) == canonical_json(json.dumps(value, ensure_ascii=False))


def test_text_that_is_no_json_stays() -> None:
    assert canonical_json("{") == "{"
    assert canonical_json(None) is None


def test_resolutions_go_from_the_finest_to_the_coarsest() -> None:
    labels = frozenset({"aggregates_1hour", "events", "aggregates_10s", "readings", "aggregates_90s", "alarms"})

    assert by_size(labels) == ["raw", "10s", "90s", "1hour"]


def test_what_is_no_class_has_no_shape() -> None:
    for label in ("raw", "aggregates_", "aggregates_1week", "alarm", "readings "):
        with pytest.raises(ValueError, match="no class"):
            shape_of(label)
