"""Transitions of alarms as columns. They are few: each is read on its own."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import pyarrow as pa

from ironstream.contract import AlarmTransition
from ironstream.engine.api import Chunk, Record
from ironstream.errors import DecodeError
from ironstream.schemas import Schemas
from ironstream.sinks.columns import common
from ironstream.sinks.columns.common import IDENTITY, MALFORMED, PLACE, TEXT, TIME
from ironstream.sinks.sink import Prepared, Refusal

SCHEMA: Final = pa.schema(
    [
        *IDENTITY,
        pa.field("parameter", TEXT),
        pa.field("alarm_id", pa.string(), nullable=False),
        pa.field("occurrence_id", pa.string(), nullable=False),
        pa.field("transition", pa.int32(), nullable=False),  # from 1; a higher one is later in the occurrence's life
        pa.field("time", TIME, nullable=False),
        pa.field("type", TEXT, nullable=False),
        pa.field("severity", TEXT, nullable=False),
        pa.field("state", TEXT, nullable=False),
        pa.field("previous_state", TEXT),
        pa.field("raised_at", TIME, nullable=False),
        pa.field("acked_at", TIME),
        pa.field("acked_by", pa.string()),
        pa.field("cleared_at", TIME),
        pa.field("until", TIME),
        pa.field("message", pa.string(), nullable=False),
        pa.field("value", pa.string()),  # JSON text: a number, a state, or a truth
        pa.field("threshold", pa.float64()),
        pa.field("unit", TEXT),
        pa.field("actor", pa.string()),
        pa.field("comment", pa.string()),
        pa.field("reason", pa.string()),
        pa.field("count", pa.int64(), nullable=False),
        pa.field("rule_id", TEXT),
        pa.field("evidence_topic", TEXT, nullable=False),
        pa.field("evidence_partition", pa.int32(), nullable=False),
        pa.field("evidence_offset", pa.int64(), nullable=False),
        pa.field("topology_version", pa.int32()),
        *PLACE,
    ]
)
_WHOLE_COLUMNS: Final = common.whole_columns(SCHEMA)
_TIMES: Final = ("time", "raised_at", "acked_at", "cleared_at", "until")


def decode_transition(record: Record) -> AlarmTransition:
    """The transition in a record of alarms.clean. Raises DecodeError."""
    try:
        return msgspec.convert(common.json_object(record), AlarmTransition)
    except (msgspec.ValidationError, RecursionError) as err:
        raise DecodeError("value", f"not a transition of an alarm: {err}") from err


def decode(chunk: Chunk, schemas: Schemas) -> Prepared[pa.Table]:
    """A row per transition. Never raises for what a record holds."""
    rows, places, refusals = [], [], []
    for place, record in common.data_records(chunk):
        try:
            rows.append(common.fitting(_row(decode_transition(record)), _WHOLE_COLUMNS))
        except DecodeError as fault:
            refusals.append(Refusal(place, MALFORMED, str(fault)))
            continue
        places.append(place)
    return common.from_rows(SCHEMA, chunk, rows, places, refusals)


def _row(one: AlarmTransition) -> dict[str, Any]:
    evidence = one.evidence
    return {
        **{name: getattr(one, name) for name in AlarmTransition.__struct_fields__},
        **{name: common.time_of(getattr(one, name), name) for name in _TIMES},
        "value": common.json_text(one.value),
        "rule_id": evidence.rule_id,
        "evidence_topic": evidence.topic,
        "evidence_partition": evidence.partition,
        "evidence_offset": evidence.offset,
        "topology_version": evidence.topology_version,
    }
