"""What is asked of each class of data: its columns, which rows are one and the same, and their order.

The columns are those that every store has, so that all answer alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pyarrow as pa

from ironstream.contract import Topic
from ironstream.sinks.classes import DataClass, class_of, size_s_of
from ironstream.sinks.columns import SCHEMAS
from ironstream.sinks.columns.common import PLACE, TEXT

RAW: Final = "raw"
"""The resolution of readings as they came."""
_PREFIX: Final = f"{DataClass.AGGREGATES}_"
_SERIES: Final = ("tenant_id", "site_id", "asset_id", "parameter")
# places on the clean topics, which only some stores keep, and what stands in the names of others
_DROPPED: Final = {
    *(field.name for field in PLACE), "size_s", "site_name", "machine_type", "canonical_name", "pipeline_id",
    "adapter_id", "boot", "extra",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shape:
    """How rows of a label are asked for.

    Of rows that are alike in `key` the one with the highest `newest` counts. `sort` puts rows into one order, whatever
    the store; `time` comes first in it. `json` are columns of JSON text.
    """

    label: str
    data_class: DataClass
    schema: pa.Schema
    time: str
    key: tuple[str, ...]
    newest: tuple[str, ...]
    sort: tuple[str, ...]
    json: tuple[str, ...] = ()


def shape_of(label: str) -> Shape:
    """The shape of `readings`, `events`, `alarms` or `aggregates_<size>`. Raises ValueError for anything else."""
    topic = {"readings": Topic.TELEMETRY_CLEAN, "events": Topic.EVENTS_CLEAN, "alarms": Topic.ALARMS_CLEAN}.get(
        label, f"telemetry.{label.removeprefix(_PREFIX)}" if label.startswith(_PREFIX) else ""
    )
    match class_of(topic):
        case DataClass.READINGS as found:
            made = (*_SERIES, "raw_partition", "raw_offset")
            return Shape(label, found, _schema(found), "time", ("time", *made), ("offset",), ("time", *made))
        case DataClass.AGGREGATES as found:
            one = ("window_start", *_SERIES)
            return Shape(label, found, _schema(found), "window_start", one, ("revision", "final", "offset"), one)
        case DataClass.EVENTS as found:
            return Shape(
                label, found, _schema(found), "time",
                key=("tenant_id", "id", "time"),
                newest=("offset",),
                sort=("time", "tenant_id", "site_id", "asset_id", "id"),
                json=("from", "to", "value", "details"),
            )  # fmt: skip
        case DataClass.ALARMS as found:
            return Shape(
                label, found, _schema(found), "time",
                key=("tenant_id", "occurrence_id", "transition"),
                newest=("offset",),
                sort=("time", "tenant_id", "site_id", "asset_id", "occurrence_id", "transition"),
                json=("value",),
            )  # fmt: skip
    raise ValueError(f"{label} is no class of data")


def label_of(resolution: str) -> str:
    """`raw` → readings, `1min` → aggregates_1min. Raises ValueError for what is no resolution."""
    label = DataClass.READINGS.value if resolution == RAW else _PREFIX + resolution
    shape_of(label)
    return label


def resolution_of(label: str) -> str | None:
    """The resolution of a label; None for events and alarms."""
    if label == DataClass.READINGS:
        return RAW
    return label.removeprefix(_PREFIX) if label.startswith(_PREFIX) else None


def by_size(labels: frozenset[str]) -> list[str]:
    """The resolutions among some labels, the finest first."""
    found = [resolution for label in labels if (resolution := resolution_of(label)) is not None]
    return sorted(found, key=lambda one: 0 if one == RAW else size_s_of(f"telemetry.{one}"))


def _schema(data_class: DataClass) -> pa.Schema:
    return pa.schema(
        [
            field.with_type(pa.string()) if field.type == TEXT else field
            for field in SCHEMAS[data_class]
            if field.name not in _DROPPED
        ]
    )
