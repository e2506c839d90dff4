"""How fast clean readings become Parquet files, beside bare pyarrow on the same lines.

Ours is the sink behind its flow, which is given chunks as a fetch brings them: typed columns, ids from the headers, the
directory of each row, sorted by series and time, fsynced under a name that was free. Bare is pyarrow.json.read_json of
the same lines with an explicit schema, in as many threads as it likes, and pyarrow.parquet.write_table with the same
codec, dictionaries, statistics and row groups, unsorted and without fsync. Rounds alternate, so that what else the
machine does falls on both.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.json as pj
import pyarrow.parquet as pq

from ironstream.bench.deployment import BenchError
from ironstream.bench.sink_flow import SinkRate, SinkRound, through_flow
from ironstream.contract import ID_HEADER, Metadata, Reading, Timestamps, Topic
from ironstream.domain.times import to_iso
from ironstream.engine.api import Chunk, Records
from ironstream.engine.records import FetchedRecord
from ironstream.sinks.s3_parquet.config import S3ParquetConfig
from ironstream.sinks.s3_parquet.files import Encoding, write_options
from ironstream.sinks.s3_parquet.local import LocalStore
from ironstream.sinks.s3_parquet.sink import S3ParquetSink
from ironstream.sinks.sink import SinkContext

CHUNK_ROWS: Final = 2_000
_SERIES: Final = 400
_START_US: Final = 1_795_219_200_000_000  # 2026-11-21, a day that all rows stay within
_TEXT, _TIME = pa.string(), pa.timestamp("us", "UTC")
_PLAIN: Final = pa.schema(
    [
        *((name, _TEXT) for name in ("tenant_id", "site_id", "asset_id", "parameter", "unit", "quality")),
        ("classification", _TEXT),
        ("schema_version", pa.int64()),
        ("value", pa.float64()),
        ("timestamps", pa.struct([(name, _TIME) for name in ("device_time", "gateway_time", "kafka_time")])),
        ("metadata", pa.struct([("pipeline_id", _TEXT), ("adapter_id", _TEXT), ("boot", _TEXT), ("seq", pa.int64())])),
        ("clock_skew_ms", pa.int64()),
        ("topology_version", pa.int64()),
        ("site_name", _TEXT),
        ("machine_type", _TEXT),
        ("canonical_name", _TEXT),
    ]
)


def values(rows: int) -> list[bytes]:
    """Clean readings as the agents write them."""
    encode = msgspec.json.Encoder().encode
    # what a sensor shows: noise, which no codec makes small
    random = np.random.default_rng(1)
    noise = 20 + np.round(random.normal(0, 3, rows), 3)
    made = []
    for at in range(rows):
        series, step = at % _SERIES, at // _SERIES
        time_us = _START_US + step * 1_000_000 + series * 1_000
        reading = Reading(
            asset_id=f"pump-{series // 10}",
            parameter=f"tag-{series % 10}",
            value=float(noise[at]),
            timestamps=Timestamps(to_iso(time_us), to_iso(time_us + 3_000), to_iso(time_us + 9_000)),
            schema_version=1,
            tenant_id="acme",
            site_id="north-works",
            unit="degC",
            quality="GOOD",
            classification="TELEMETRY",
            metadata=Metadata(pipeline_id=f"line-{series // 100}", adapter_id="modbus-1", boot="8c5f0a", seq=step + 1),
            clock_skew_ms=3,
            topology_version=7,
            site_name="North works",
            machine_type="pump",
            canonical_name=f"Pump {series // 10}",
        )
        made.append(encode(reading))
    return made


def chunks_of(lines: list[bytes]) -> list[Chunk]:
    """The readings as they are fetched: of one partition, each with its id."""
    made = []
    for start in range(0, len(lines), CHUNK_ROWS):
        records = [
            FetchedRecord(
                at, _START_US // 1000 + at, b"acme/north-works/pump", lines[at],
                [(ID_HEADER, f"{Topic.TELEMETRY_RAW}/0/{at}".encode())],
            )
            for at in range(start, min(start + CHUNK_ROWS, len(lines)))
        ]  # fmt: skip
        made.append(Chunk(Topic.TELEMETRY_CLEAN, 0, Records.of(records)))
    return made


async def measure_parquet(*, rows: int, rounds: int, report: Callable[[int], Any] = lambda _: None) -> SinkRate:
    """Measure; a first round of each warms up and is not counted. `report` gets the number of rounds done.

    Raises BenchError where the rows are not all there in the end.
    """
    lines = values(rows)
    chunks, text = chunks_of(lines), b"\n".join(lines)
    del lines
    done, sizes = [], (0, 0)
    for at in range(rounds + 1):
        with tempfile.TemporaryDirectory(prefix="ironstream-bench-") as folder:
            sink_s, size = await _ours(Path(folder), chunks)
            bare_s, bare_size = await asyncio.to_thread(_bare, Path(folder) / "bare.parquet", text)
        if at:
            done.append(SinkRound(sink_s, bare_s))
            sizes = size, bare_size
            report(at)
    return SinkRate("s3-parquet", "pyarrow", rows, done, *sizes)


async def _ours(folder: Path, chunks: list[Chunk]) -> tuple[float, int]:
    config = S3ParquetConfig(path=str(folder / "lake"))
    sink = S3ParquetSink(config, SinkContext("bench"), LocalStore(folder / "lake"))
    await sink.connect()
    taken_s = await through_flow(sink, chunks, Topic.TELEMETRY_CLEAN)
    await sink.close()
    rows = sum(len(chunk.records) for chunk in chunks)
    return taken_s, await asyncio.to_thread(_size, folder / "lake", rows)


def _size(root: Path, rows: int) -> int:
    """Bytes of the files, which must have all rows: a figure of less work would be none."""
    paths = list(root.rglob("*.parquet"))
    found = sum(pq.read_metadata(path).num_rows for path in paths)
    if found != rows:
        raise BenchError(f"{found} of {rows} rows were stored")
    return sum(path.stat().st_size for path in paths)


def _bare(path: Path, text: bytes) -> tuple[float, int]:
    started = time.perf_counter()
    table = pj.read_json(
        BytesIO(text), parse_options=pj.ParseOptions(explicit_schema=_PLAIN, unexpected_field_behavior="ignore")
    )
    encoding = Encoding.of(S3ParquetConfig(path="bench"))
    options = write_options(pa.schema([("value", pa.float64())]), None, encoding) | {
        "use_dictionary": True,
        "column_encoding": None,
    }
    pq.write_table(table, path, **options)
    return time.perf_counter() - started, path.stat().st_size
