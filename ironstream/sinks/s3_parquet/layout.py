"""Names: in which directory rows go, and what their files are called. Pure.

    tenant=acme/class=aggregates_1min/year=2026/month=11/day=21/telemetry.1min-3-00000000000000012345.parquet

The directories are Hive's, which query engines turn into columns. A *stem* is the part of a file's name before its
first offset: files of one stem in one directory hold rows of one partition of one topic of one log.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from ironstream.contract import IDENTITY_PART
from ironstream.sinks.classes import DataClass, class_of

DAY_US: Final = 86_400_000_000
TIME_COLUMN: Final = {
    DataClass.READINGS: "time",
    DataClass.AGGREGATES: "window_start",
    DataClass.EVENTS: "time",
    DataClass.ALARMS: "time",
}
"""The data's own time, by class: its day (UTC) is the directory's."""
SUFFIX: Final = ".parquet"
_EPOCH: Final = date(1970, 1, 1)
FIRST_DAY: Final = (date(1, 1, 1) - _EPOCH).days
LAST_DAY: Final = (date(9999, 12, 31) - _EPOCH).days
"""Days since the epoch that have a name here, and a meaning to readers."""
_FILE: Final = re.compile(r"(?P<stem>.+-\d+)-(?P<offset>\d{20})\.parquet")
_DIRECTORY: Final = re.compile(
    rf"tenant=(?P<tenant>{IDENTITY_PART.pattern})/class=(?P<label>readings|events|alarms|aggregates_\w+)"
    r"/year=(?P<year>\d{4})/month=(?P<month>\d\d)/day=(?P<day>\d\d)"
)


@dataclass(frozen=True, slots=True)
class Directory:
    """Where the rows of a tenant, a class and a day are."""

    path: str
    """Relative to the root, with `/`."""
    label: str
    """The class as the directory says it."""
    day: date

    @property
    def end(self) -> datetime:
        """When the day is over."""
        return datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC) + timedelta(days=1)


def data_class_of(topic: str) -> DataClass:
    """The class of a topic of clean data. Raises ValueError for other topics."""
    data_class = class_of(topic)
    if data_class is None:
        raise ValueError(f"{topic} is no topic of clean data")
    return data_class


def class_label(topic: str) -> str:
    """`readings`, `events`, `alarms`, or `aggregates_1min` for telemetry.1min. Raises ValueError for other topics."""
    data_class = data_class_of(topic)
    if data_class is DataClass.AGGREGATES:
        return f"{data_class}_{topic.rpartition('.')[2]}"
    return data_class.value


def class_of_label(label: str) -> DataClass:
    """The class that a directory's label stands for."""
    return DataClass(label.partition("_")[0])


def directory_of(tenant: str, topic: str, day: int) -> str:
    """The directory of a day (since the epoch), relative to the root. Raises ValueError for what has none."""
    if not IDENTITY_PART.fullmatch(tenant) or not FIRST_DAY <= day <= LAST_DAY:
        raise ValueError(f"rows of tenant {tenant!r} and day {day} have no directory")
    at = _EPOCH + timedelta(days=day)
    return f"tenant={tenant}/class={class_label(topic)}/year={at.year:04}/month={at.month:02}/day={at.day:02}"


def parse_directory(path: str) -> Directory | None:
    """What a path relative to the root says; None for one that is not ours."""
    match = _DIRECTORY.fullmatch(path)
    if match is None:
        return None
    try:
        day = date(int(match["year"]), int(match["month"]), int(match["day"]))
    except ValueError:
        return None
    return Directory(path, match["label"], day)


def stem_of(log_id: str, topic: str, partition: int) -> str:
    """Stem of the files of a partition; `topic` with the deployment's prefix."""
    return f"{log_id}.{topic}-{partition}" if log_id else f"{topic}-{partition}"


def file_name(stem: str, first_offset: int) -> str:
    """Name of the file that begins with this offset."""
    return f"{stem}-{first_offset:020}{SUFFIX}"


def parse_file(name: str) -> tuple[str, int] | None:
    """Stem and first offset of a file's name; None for one that is not ours."""
    match = _FILE.fullmatch(name)
    return None if match is None else (match["stem"], int(match["offset"]))
