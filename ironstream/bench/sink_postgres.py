"""The sink for PostgreSQL beside `psql \\copy` of the same rows, into the same table with the same key, in turns."""

from __future__ import annotations

import asyncio
import csv
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec

from ironstream.bench.deployment import BenchError
from ironstream.bench.sink_flow import SinkRate, SinkRound, through_flow
from ironstream.contract import ID_HEADER, Metadata, Reading, Timestamps, Topic
from ironstream.embedded.postgres import EmbeddedPostgres
from ironstream.embedded.postgres_storage import programs
from ironstream.engine.api import Chunk
from ironstream.engine.records import FetchedRecord, Records
from ironstream.sinks.postgres.config import PostgresConfig
from ironstream.sinks.postgres.sink import PostgresSink
from ironstream.sinks.postgres.statements import listed, quoted
from ironstream.sinks.postgres.tables import READINGS
from ironstream.sinks.sink import SinkContext

_CHUNK: Final = 2_000
_SCHEMA: Final = "bench"
_SINK, _PSQL = 0, 1
"""Raw partitions of the rows, which tell those of the sink from those of psql."""
_START: Final = datetime(2026, 1, 1, tzinfo=UTC)
_encode: Final = msgspec.json.Encoder().encode


async def measure_postgres(
    *, rows: int, rounds: int, series: int = 5_000, report: Callable[[int], Any] = lambda _: None
) -> SinkRate:
    """Start a PostgreSQL in a folder that is removed again, and let both write `rows` in turns, `rounds` times.

    Both make one commit per cut of the sink's own limit. `report` gets the number of rounds done. Raises BenchError
    where the rows are not all there in the end.
    """
    with tempfile.TemporaryDirectory(prefix="ironstream-bench-") as folder:
        async with EmbeddedPostgres(Path(folder) / "postgres") as server:
            config = PostgresConfig.model_validate({"dsn": server.dsn, "schema": _SCHEMA})
            sink = PostgresSink(config, SinkContext("bench"))
            await sink.connect()
            done = []
            try:
                # a first cut makes the partitions and the dictionary of series for both
                await through_flow(sink, _chunks(rounds * rows, series, series), Topic.TELEMETRY_CLEAN)
                for number in range(rounds):
                    done.append(await _round(sink, server, Path(folder), number, rows, series))
                    report(number + 1)
                await _check(server.dsn, rows * rounds, series)
            finally:
                await sink.close()
    return SinkRate("postgres", "psql \\copy", rows, done)


async def _round(
    sink: PostgresSink, server: EmbeddedPostgres, folder: Path, number: int, rows: int, series: int
) -> SinkRound:
    first = number * rows
    # in a thread: the sink has other things to do meanwhile, such as retention, which would not get an answer
    chunks = await asyncio.to_thread(lambda: list(_chunks(first, rows, series)))
    files = await _csv(server.dsn, folder, first, rows, series, sink.limits.rows)

    async def by_psql() -> float:
        return await asyncio.to_thread(_copy, server, files)

    async def by_sink() -> float:
        return await through_flow(sink, chunks, Topic.TELEMETRY_CLEAN)

    if number % 2:
        sink_s, psql_s = await by_sink(), await by_psql()
    else:
        psql_s, sink_s = await by_psql(), await by_sink()
    for file in files:
        file.unlink()
    return SinkRound(sink_s, psql_s)


def _name(number: int, series: int) -> tuple[str, str]:
    at = number % series
    return f"machine-{at // 10}", f"signal-{at % 10}"


def _times(number: int, series: int) -> list[datetime]:
    device = _START + timedelta(seconds=number // series)
    return [device, device + timedelta(milliseconds=20), device + timedelta(milliseconds=31)]


def _chunks(first: int, rows: int, series: int) -> Iterator[Chunk]:
    for begin in range(first, first + rows, _CHUNK):
        numbers = range(begin, min(begin + _CHUNK, first + rows))
        records = [_record(number, series) for number in numbers]
        yield Chunk(Topic.TELEMETRY_CLEAN, 0, Records.of(records))


def _record(number: int, series: int) -> FetchedRecord:
    asset, parameter = _name(number, series)
    reading = Reading(
        asset_id=asset,
        parameter=parameter,
        value=number / 7,
        timestamps=Timestamps(*(_iso(one) for one in _times(number, series))),
        schema_version=1,
        tenant_id="acme",
        site_id="north",
        unit="degC",
        quality="GOOD",
        classification="TELEMETRY",
        metadata=Metadata(pipeline_id="bench", adapter_id="bench-1", boot="b", seq=number // series + 1),
        clock_skew_ms=20,
        topology_version=1,
    )
    identity = f"{Topic.TELEMETRY_RAW}/{_SINK}/{number}".encode()
    return FetchedRecord(number, 0, b"acme/north/" + asset.encode(), _encode(reading), [(ID_HEADER, identity)])


def _iso(time: datetime) -> str:
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def _csv(dsn: str, folder: Path, first: int, rows: int, series: int, cut: int) -> list[Path]:
    """The same rows as the table has them, a file for each commit."""
    connection = await asyncpg.connect(dsn)
    try:
        found = await connection.fetch(f"SELECT asset_id, parameter, series_id FROM {quoted(_SCHEMA, 'series')}")
    finally:
        await connection.close()
    numbers = {(row["asset_id"], row["parameter"]): row["series_id"] for row in found}
    return await asyncio.to_thread(_write_csv, folder, numbers, first, rows, series, cut)


def _write_csv(
    folder: Path, numbers: dict[tuple[str, str], int], first: int, rows: int, series: int, cut: int
) -> list[Path]:
    files = []
    for begin in range(first, first + rows, cut):
        path = folder / f"{begin}.csv"
        lines = [
            (
                *("acme", numbers[_name(number, series)], device, number / 7, 0, None, "degC", gateway, kafka, 20),
                *(number // series + 1, 1, _PSQL, number),
            )
            for number in range(begin, min(begin + cut, first + rows))
            for device, gateway, kafka in [map(_iso, _times(number, series))]
        ]
        # as the sink has them: the index is filled in order
        lines.sort(key=lambda line: (line[1], line[2]))
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows(lines)
        files.append(path)
    return files


def _copy(server: EmbeddedPostgres, files: Sequence[Path]) -> float:
    table = f"{quoted(_SCHEMA, READINGS.name)} ({listed(READINGS.names)})"
    script = "".join(f"\\copy {table} FROM '{file}' (FORMAT csv)\n" for file in files)
    started = time.perf_counter()
    done = subprocess.run(
        [str(programs() / "psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--file=-"],
        input=script,
        # not among the arguments, which every user of the machine can read
        env=dict(os.environ) | server.client_environment,
        capture_output=True,
        text=True,
        check=False,
    )
    taken_s = time.perf_counter() - started
    if done.returncode:
        raise BenchError(f"psql failed: {done.stderr.strip()[-500:]}", "Is there space in the temporary folder?")
    return taken_s


async def _check(dsn: str, rows: int, series: int) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        there = await connection.fetch(
            f"SELECT raw_partition, count(*) FROM {quoted(_SCHEMA, READINGS.name)} GROUP BY 1 ORDER BY 1"
        )
    finally:
        await connection.close()
    expected = [(_SINK, rows + series), (_PSQL, rows)]
    if (found := [tuple(row) for row in there]) != expected:
        raise BenchError(f"There are rows {found}, and there should be {expected}.", "This is a defect.")
