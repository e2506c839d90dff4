"""Control records: what the engine itself writes into a source partition, so that the log alone decides.

A *tick* is written once a second by the worker that owns the partition; its append time moves the clock of the stages.
A *topology* record says that the version it carries holds from here on.
"""

from __future__ import annotations

from typing import Final

import msgspec

from ironstream.contract import CONTROL_KEY
from ironstream.engine.api import Record


class Tick(msgspec.Struct, frozen=True, tag_field="kind", tag="tick"):
    """Time passes: the append time of the record is the time."""


class TopologyChange(msgspec.Struct, frozen=True, tag_field="kind", tag="topology"):
    """Version `version` of the topology holds for all records after this one.

    `number` is that of the change in the log of topologies, from 1: a record with a lower one than was taken already
    says nothing, as from a worker that does not know yet that its partition has another owner. `packed` holds the files
    (`topology.sources`).
    """

    number: int
    version: int
    packed: str


Control = Tick | TopologyChange
TICK: Final = msgspec.json.encode(Tick())
_decoder: Final[msgspec.json.Decoder[Control]] = msgspec.json.Decoder(Control)


def is_control(record: Record) -> bool:
    """Whether the record is the engine's own, not data."""
    return record.key == CONTROL_KEY


def decode_control(record: Record) -> Control | None:
    """What a control record says; None where it says nothing we know (a newer version wrote it)."""
    return decode_value(record.value)


def decode_value(value: bytes | None) -> Control | None:
    """`decode_control` of a record's value."""
    try:
        return _decoder.decode(value or b"")
    except (msgspec.DecodeError, ValueError):
        return None


def encode_control(control: Control) -> bytes:
    """Value of a control record; its key is `contract.CONTROL_KEY`."""
    return msgspec.json.encode(control)
