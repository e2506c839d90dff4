"""Avro by schema file: the schemas that writers use, each in a file named after its id, `7.avsc`.

Ours are beside this module: copy `reading.avsc` and `clean_reading.avsc` into the folder under the ids that your
registry gave them, or that you choose. Values are in Confluent framing: 0x00, the id in 4 bytes, the record.
"""

from __future__ import annotations

import json
from datetime import date, datetime
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import fastavro
import numpy as np
from fastavro.schema import SchemaParseException, UnknownType, to_parsing_canonical_form

from ironstream.avro import Program, Schema, Target, compile_schema
from ironstream.contract import Quality
from ironstream.errors import ConfigurationError, DecodeError
from ironstream.kernels.avro_readings import FRAME_BYTES
from ironstream.kernels.layout import (
    DEVICE,
    GATEWAY,
    PARTS,
    QUALITY,
    QUALITY_AT,
    SEQ,
    VERSION,
)
from ironstream.schemas.clean import to_json

_HERE: Final = Path(__file__).parent
TARGETS: Final = {
    "schema_version": Target("number", VERSION),
    "tenant_id": Target("text", PARTS),
    "site_id": Target("text", PARTS + 2),
    "asset_id": Target("text", PARTS + 4),
    "parameter": Target("text", PARTS + 6),
    "unit": Target("text", PARTS + 8),
    "metadata.boot": Target("text", PARTS + 10),
    "metadata.seq": Target("number", SEQ),
    "timestamps.device_time": Target("time", DEVICE),
    "timestamps.gateway_time": Target("time", GATEWAY),
    "value": Target("value"),
    "quality": Target("code", QUALITY, codes=Quality.__members__),
    "quality@": Target("mark", QUALITY_AT),
}
"""Where the fields of a reading go."""


def frame(schema_id: int) -> bytes:
    """What stands before a record of a schema."""
    return b"\0" + schema_id.to_bytes(4, "big")


def load(path: Path) -> Schema:
    """The schema in a file. Raises ConfigurationError for one that is none."""
    try:
        schema: Schema = json.loads(path.read_text(encoding="utf-8"))
        fastavro.parse_schema(schema)
    except (OSError, ValueError, SchemaParseException, UnknownType, KeyError, TypeError) as err:
        raise ConfigurationError(
            f"{path} is no Avro schema: {err}", "Give each schema as Avro's JSON, in a file named after its id."
        ) from err
    return schema


OURS: Final = load(_HERE / "reading.avsc")
CLEAN: Final = load(_HERE / "clean_reading.avsc")


class Schemas:
    """The schemas of a folder, by id. Raises ConfigurationError for a folder or file that cannot be used."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._schemas: dict[int, Schema] = {}
        if folder is not None:
            if not folder.is_dir():
                raise ConfigurationError(
                    f"{folder} is no folder.", "Set IRONSTREAM_SCHEMAS to that of the .avsc files."
                )
            for path in sorted(folder.glob("*.avsc")):
                if not path.stem.isdigit() or int(path.stem) >= 1 << 32:
                    raise ConfigurationError(
                        f"{path}: the name is no id of a schema.", "Name the file after the id, as in 7.avsc."
                    )
                self._schemas[int(path.stem)] = load(path)
        self._parsed = {number: fastavro.parse_schema(schema) for number, schema in self._schemas.items()}
        self._clean = [number for number, schema in self._schemas.items() if _same(schema, CLEAN)]

    @cached_property
    def readings(self) -> dict[int, Program]:
        """Programs for the ids of our schema of readings, whose records kernels read and copy."""
        ours = compile_schema(OURS, TARGETS)
        return {number: ours for number, schema in self._schemas.items() if _same(schema, OURS)}

    @property
    def clean_id(self) -> int:
        """The id of our schema of clean readings. Raises ConfigurationError where no file has it."""
        if self._clean:
            return self._clean[0]
        raise ConfigurationError(
            "No schema of clean readings is among the schema files, and the output is to be Avro.",
            f"Copy {_HERE / 'clean_reading.avsc'} into IRONSTREAM_SCHEMAS, named after the id it shall have (2.avsc).",
        )

    def decode(self, value: bytes) -> dict[str, Any]:
        """A framed record as JSON would say it: times as ISO-8601, bytes as text, our clean readings as agents write
        them in JSON. Raises DecodeError."""
        number = int.from_bytes(value[1:FRAME_BYTES], "big")
        schema = self._parsed.get(number) if len(value) >= FRAME_BYTES else None
        if schema is None:
            where = f"{self._folder} has no {number}.avsc" if self._folder else "IRONSTREAM_SCHEMAS names no folder"
            raise DecodeError("value", f"framed Avro with schema id {number}, and {where}")
        stream = BytesIO(value[FRAME_BYTES:])
        try:
            found = fastavro.schemaless_reader(stream, schema, None)
        except Exception as err:  # fastavro raises whatever the bytes lead it to
            raise DecodeError("value", f"not a record of schema {number}: {err!r}") from err
        if stream.read(1):
            raise DecodeError("value", f"longer than a record of schema {number}")
        if not isinstance(found, dict):
            raise DecodeError("value", f"schema {number} is not that of a record")
        said = {name: _plain(one) for name, one in found.items()}
        return to_json(said) if number in self._clean else said


def _same(schema: Schema, ours: Schema) -> bool:
    """Whether records of both have the same bytes and the same meaning."""
    if to_parsing_canonical_form(schema) != to_parsing_canonical_form(ours):
        return False
    # The canonical form knows nothing of logical types: the scales of times.
    one, other = compile_schema(schema, TARGETS), compile_schema(ours, TARGETS)
    return bool(np.array_equal(one.steps, other.steps))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return value
