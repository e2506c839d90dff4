"""Which Parquet files hold what: by tenant, class and day, as the sink names their directories."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow import fs

from ironstream.domain.times import EPOCH
from ironstream.query.patterns import SeriesPattern
from ironstream.query.shapes import Shape
from ironstream.sinks.columns import SCHEMAS
from ironstream.sinks.s3_parquet.layout import SUFFIX, parse_directory, parse_file

_DAY_US: Final = 86_400_000_000
_MONTHS_LISTED: Final = 24
"""Beyond so many months a class is listed as a whole: fewer requests than one for each."""


@dataclass(frozen=True, slots=True)
class Day:
    """Files of one day of a class, of all tenants that are asked for."""

    first_us: int
    end_us: int
    paths: tuple[str, ...]


class ParquetFiles:
    """Files below a root of a file system. Methods block, and raise OSError."""

    def __init__(self, system: fs.FileSystem, root: str) -> None:
        self._system = system
        self._root = root.rstrip("/")

    def tenants(self) -> list[str]:
        """Tenants that have any file; raises FileNotFoundError where there is no root."""
        return self._values(self._root, "tenant", missing_ok=False)

    def labels(self) -> frozenset[str]:
        """Labels of the classes that have any file."""
        return frozenset(
            label for tenant in self.tenants() for label in self._values(f"{self._root}/tenant={tenant}", "class")
        )

    def days(self, label: str, pattern: SeriesPattern, first_us: int, end_us: int) -> list[Day]:
        """The days that have rows between two times, the oldest first."""
        by_day: dict[date, list[str]] = {}
        first, last = _date(first_us), _date(end_us - 1)
        for tenant in self.tenants():
            if not pattern.matches_tenant(tenant):
                continue
            for path in self._paths(f"{self._root}/tenant={tenant}/class={label}", first, last):
                directory, _, name = path[len(self._root) :].strip("/").rpartition("/")
                found = parse_directory(directory)
                if found is not None and parse_file(name) is not None and first <= found.day <= last:
                    by_day.setdefault(found.day, []).append(path)
        return [
            Day(max(first_us, _us(day)), min(end_us, _us(day) + _DAY_US), tuple(sorted(by_day[day])))
            for day in sorted(by_day)
        ]

    def dataset(self, day: Day, shape: Shape) -> ds.Dataset:
        """The files of a day with today's columns, whatever the columns were when they were written."""
        return ds.dataset(
            list(day.paths), schema=SCHEMAS[shape.data_class], format=ds.ParquetFileFormat(), filesystem=self._system
        )

    def _paths(self, folder: str, first: date, last: date) -> Iterator[str]:
        months = (last.year - first.year) * 12 + last.month - first.month + 1
        if months > _MONTHS_LISTED:
            folders = [folder]
        else:
            folders = [
                f"{folder}/year={index // 12:04}/month={index % 12 + 1:02}"
                for index in range(first.year * 12 + first.month - 1, last.year * 12 + last.month)
            ]
        for one in folders:
            for info in self._list(one, recursive=True):
                # what was never closed has no footer; a sink that writes makes whole files alone
                if info.type == fs.FileType.File and info.path.endswith(SUFFIX) and info.size:
                    yield info.path

    def _values(self, folder: str, key: str, *, missing_ok: bool = True) -> list[str]:
        return sorted(
            info.base_name.removeprefix(f"{key}=")
            for info in self._list(folder, missing_ok=missing_ok)
            if info.type == fs.FileType.Directory and info.base_name.startswith(f"{key}=")
        )

    def _list(self, folder: str, *, recursive: bool = False, missing_ok: bool = True) -> list[Any]:
        selector = fs.FileSelector(folder, allow_not_found=missing_ok, recursive=recursive)
        found: list[Any] = self._system.get_file_info(selector)
        return found


def time_scalar(us: int) -> pa.Scalar:
    """A time as the files have it."""
    return pa.scalar(us, pa.timestamp("us", "UTC"))


def _date(us: int) -> date:
    return (EPOCH + timedelta(microseconds=us)).date()


def _us(day: date) -> int:
    return (day - EPOCH.date()).days * _DAY_US
