from __future__ import annotations

from contextlib import suppress

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.sinks.classes import DataClass
from ironstream.sinks.s3_parquet.chain import Chain, Extent
from ironstream.sinks.s3_parquet.config import S3ParquetConfig
from ironstream.sinks.s3_parquet.files import (
    DamagedFileError,
    Encoding,
    Source,
    decode,
    encode,
    extent_of,
    footer_bytes,
    order_by_series,
    read_extent,
)
from ironstream.sinks.s3_parquet.layout import (
    FIRST_DAY,
    LAST_DAY,
    class_label,
    directory_of,
    file_name,
    parse_directory,
    parse_file,
    stem_of,
)
from ironstream.sinks.s3_parquet.repeats import Marks
from tests.support.parquet import config_of, cut_of, log_of, sink_of

TABLE = pa.concat_tables([part.prepared.rows for part in cut_of(sink_of(config_of("/x")), log_of(20)).parts])
EXTENT = extent_of(TABLE, DataClass.READINGS, 0, 1012)
FILE = encode(TABLE, "time", Source("telemetry.clean", 3), EXTENT, Encoding.of(S3ParquetConfig(path="/x")))


def test_the_footer_alone_says_what_a_file_covers() -> None:
    assert read_extent(FILE[-footer_bytes(FILE[-100:]) :]) == Extent(0, 19, 0, 20, Marks(1000, 1019, 1019))


@given(at=st.integers(0, len(FILE) - 1), damage=st.binary(min_size=1, max_size=8), cut=st.integers(0, 200))
def test_a_damaged_footer_raises_nothing_else(at: int, damage: bytes, cut: int) -> None:
    tail = bytearray(FILE[-footer_bytes(FILE) :])
    at %= len(tail)
    tail[at : at + len(damage)] = damage
    damaged = bytes(tail[: len(tail) - cut])
    with suppress(DamagedFileError):
        footer_bytes(damaged)
        read_extent(damaged)


@given(st.binary(max_size=300))
def test_bytes_that_are_no_file_are_told(body: bytes) -> None:
    with pytest.raises(DamagedFileError):
        read_extent(body)
    with pytest.raises(DamagedFileError):
        footer_bytes(body)
    with pytest.raises(DamagedFileError):
        decode(body)


_NAMES = st.one_of(st.none(), st.sampled_from(["a", "b", "é", "aa", "Z"]))


@given(st.lists(st.tuples(_NAMES, st.integers(-5, 5)), min_size=1, max_size=50), st.integers(1, 5))
def test_rows_are_ordered_as_python_orders_them(rows: list[tuple[str | None, int]], chunks: int) -> None:
    text = pa.dictionary(pa.int32(), pa.string())
    columns = {
        **{name: pa.array(["x"] * len(rows)).dictionary_encode() for name in ("tenant_id", "site_id", "asset_id")},
        "parameter": pa.array([name for name, _ in rows]).cast(pa.string()).dictionary_encode(),
        "time": pa.array([time for _, time in rows], pa.timestamp("us", "UTC")),
    }
    schema = pa.schema([(name, text if name != "time" else columns["time"].type) for name in columns])
    whole = pa.table(columns).cast(schema)
    size = -(-len(rows) // chunks)
    table = pa.concat_tables([whole.slice(at, size) for at in range(0, len(rows), size)])
    expected = sorted(
        range(len(rows)), key=lambda at: (rows[at][0] is None, (rows[at][0] or "").encode(), rows[at][1], at)
    )
    assert order_by_series(table, "time").tolist() == expected


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)), max_size=6),
    st.integers(0, 60),
    st.integers(1, 30),
)
def test_what_is_left_of_a_cut_is_what_no_file_covers_and_no_run_spans_a_file(
    ranges: list[tuple[int, int]], start: int, size: int
) -> None:
    chain = Chain(start)
    for first, length in ranges:
        chain.add(Extent(first, first + length, first, 1))
    offsets = np.arange(start, start + size, 2)
    # of two files with one name the last counts
    last = {first: first + length for first, length in ranges}
    covered = {at for first, end in last.items() for at in range(first, end + 1)}
    runs = [offsets[run].tolist() for run in chain.uncovered(offsets)]
    assert [at for run in runs for at in run] == [at for at in offsets.tolist() if at not in covered]
    assert not any(run[0] < first <= run[-1] for run in runs for first in last)


def test_names_lead_back_to_what_they_were_made_of() -> None:
    for day in (FIRST_DAY, 0, 20_778, LAST_DAY):
        path = directory_of("acme.eu-1", "telemetry.10s", day)
        found = parse_directory(path)
        assert found is not None
        assert (found.label, (found.day.toordinal() - 719_163)) == ("aggregates_10s", day)
    assert parse_file(file_name(stem_of("v2", "east.telemetry.clean", 11), 7)) == ("v2.east.telemetry.clean-11", 7)
    assert parse_file("telemetry.clean-1-7.parquet") is None
    assert parse_directory("tenant=../class=readings/year=2026/month=11/day=21") is None
    assert parse_directory("tenant=a/class=readings/year=2026/month=13/day=21") is None
    assert class_label("alarms.clean") == "alarms"


@pytest.mark.parametrize(("tenant", "day"), [("..", 0), ("a/b", 0), ("", 0), ("a", LAST_DAY + 1), ("a\n", 0)])
def test_what_has_no_directory_gets_none(tenant: str, day: int) -> None:
    with pytest.raises(ValueError, match="no directory"):
        directory_of(tenant, "telemetry.clean", day)
