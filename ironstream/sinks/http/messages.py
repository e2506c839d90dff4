"""Records as messages: the JSON that the product wrote, with the id and the place of the record around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from ironstream.engine.api import Chunk, Record
from ironstream.errors import DecodeError
from ironstream.schemas import Schemas
from ironstream.sinks.columns.common import MALFORMED, data_records, json_object, record_id
from ironstream.sinks.sink import Prepared, Refusal

_AVRO_FRAME: Final = b"\0"
_OVERHEAD_BYTES: Final = 200


@dataclass(frozen=True, slots=True)
class Message:
    """One record. `text` is `{"id", "topic", "partition", "offset", "data"}` on one line."""

    id: str
    text: bytes


def prepare(chunk: Chunk, schemas: Schemas) -> Prepared[list[Message]]:
    """A message for each record. Never raises for what a record holds."""
    messages, places, refusals = [], [], []
    for place, record in data_records(chunk):
        try:
            messages.append(_message(record, chunk, schemas))
        except DecodeError as fault:
            refusals.append(Refusal(place, MALFORMED, str(fault)))
            continue
        places.append(place)
    nbytes = sum(len(message.text) + _OVERHEAD_BYTES for message in messages)
    return Prepared(messages, np.asarray(places, np.int64), nbytes, refusals)


def batches(messages: Sequence[Message], count: int, nbytes: int) -> Iterator[Sequence[Message]]:
    """The messages in order, at most `count` and `nbytes` of text at once; one that is longer is alone."""
    first = size = 0
    for at, message in enumerate(messages):
        if at > first and (at - first == count or size + len(message.text) > nbytes):
            yield messages[first:at]
            first, size = at, 0
        size += len(message.text)
    if first < len(messages):
        yield messages[first:]


def _message(record: Record, chunk: Chunk, schemas: Schemas) -> Message:
    name = record_id(record, chunk)
    head = msgspec.json.encode(
        {"id": name, "topic": chunk.topic, "partition": chunk.partition, "offset": record.offset}
    )
    return Message(name, head[:-1] + b',"data":' + _data(record, schemas) + b"}")


def _data(record: Record, schemas: Schemas) -> bytes:
    value = record.value or b""
    if value[:1] == _AVRO_FRAME:
        try:
            return msgspec.json.encode(schemas.decode(value))
        except (TypeError, ValueError, OverflowError, RecursionError) as err:
            raise DecodeError("value", f"cannot be said in JSON: {err}") from err
    json_object(record)
    # Line breaks of JSON stand between its parts only; the parts stay as they were written.
    return msgspec.json.format(value, indent=-1) if b"\n" in value or b"\r" in value else value
