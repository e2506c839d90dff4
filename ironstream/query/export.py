"""Rows into a file, Parquet or CSV: in bounded memory, and whole or not at all."""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterable, Callable
from pathlib import Path
from typing import Any, Final, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from ironstream.errors import ConfigurationError, IronstreamError
from ironstream.query.shapes import Shape

FORMATS: Final = (".parquet", ".csv")
_ROW_GROUP_ROWS: Final = 100_000


class _Writer(Protocol):
    def write_table(self, table: pa.Table) -> None: ...
    def close(self) -> None: ...


async def export(
    tables: AsyncIterable[pa.Table], shape: Shape, path: Path, told: Callable[[pa.Table], None], *, force: bool = False
) -> int:
    """Write the tables into a file, whose name says its format: the number of rows.

    `told` is given each table once it is written. The file is there when all is in it; before that, and after an
    error, there is none. Raises ConfigurationError for a name of another format, or a file that is there without
    `force`; IronstreamError when it cannot be written.
    """
    if path.suffix not in FORMATS:
        raise ConfigurationError(f"{path} is neither Parquet nor CSV.", f"Let its name end in {' or '.join(FORMATS)}.")
    if await asyncio.to_thread(path.exists) and not force:
        raise ConfigurationError(f"{path} is there already.", "Name another file, or give --force to replace it.")
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        count = await _write(tables, shape, temporary, path.suffix, told)
        await asyncio.to_thread(_put_in_place, temporary, path)
    except OSError as error:
        raise IronstreamError(
            f"{path} cannot be written: {error.strerror or error}", "Is there a folder, space, and the right to write?"
        ) from error
    finally:
        await asyncio.to_thread(temporary.unlink, missing_ok=True)
    return count


async def _write(
    tables: AsyncIterable[pa.Table], shape: Shape, path: Path, suffix: str, told: Callable[[pa.Table], None]
) -> int:
    writer: _Writer = await asyncio.to_thread(_writer, path, suffix, shape)
    count = 0
    held: list[pa.Table] = []
    try:
        async for table in tables:
            held.append(table)
            count += len(table)
            # small pieces would make small row groups, which are slow to read
            if sum(map(len, held)) >= _ROW_GROUP_ROWS:
                await asyncio.to_thread(writer.write_table, pa.concat_tables(held))
                held = []
            told(table)
        if held:
            await asyncio.to_thread(writer.write_table, pa.concat_tables(held))
    finally:
        await asyncio.to_thread(writer.close)
    return count


def _writer(path: Path, suffix: str, shape: Shape) -> _Writer:
    if suffix == ".csv":
        return _CsvWriter(path, shape)
    made: _Writer = pq.ParquetWriter(path, shape.schema, compression="zstd")
    return made


class _CsvWriter:
    """CSV as `csv_table` makes it."""

    def __init__(self, path: Path, shape: Shape) -> None:
        self._writer = pcsv.CSVWriter(path, csv_table(shape.schema.empty_table()).schema)

    def write_table(self, table: pa.Table) -> None:
        """Append rows."""
        self._writer.write_table(csv_table(table))

    def close(self) -> None:
        """Finish the file."""
        self._writer.close()


def csv_table(table: pa.Table) -> pa.Table:
    """Columns that CSV can hold: times as ISO-8601 in UTC to the µs, lists joined with `;`."""
    columns: dict[str, Any] = {}
    for name in table.column_names:
        column = table[name]
        if pa.types.is_timestamp(column.type):
            column = pc.strftime(column, format="%Y-%m-%dT%H:%M:%SZ")
        elif pa.types.is_list(column.type):
            column = pc.binary_join(column, ";")
        columns[name] = column
    return pa.table(columns)


def _put_in_place(temporary: Path, path: Path) -> None:
    with temporary.open("rb+") as file:
        os.fsync(file.fileno())
    temporary.replace(path)
