"""Readings in framed Avro, and a folder of schemas that says so."""

from __future__ import annotations

import shutil
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import fastavro

from ironstream import schemas
from ironstream.domain.times import to_us
from ironstream.schemas import OURS, frame

READING_ID: Final = 7
CLEAN_ID: Final = 8


def schema_folder(folder: Path) -> Path:
    """The folder, with our two schemas in it."""
    here = Path(schemas.__file__).parent
    shutil.copy(here / "reading.avsc", folder / f"{READING_ID}.avsc")
    shutil.copy(here / "clean_reading.avsc", folder / f"{CLEAN_ID}.avsc")
    return folder


def avro(schema: Any, schema_id: int, body: dict[str, Any]) -> bytes:
    """A framed record."""
    out = BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), body)
    return frame(schema_id) + out.getvalue()


def as_avro(body: dict[str, Any]) -> bytes:
    """A reading of JSON in our schema."""
    times = {name: to_us(time) for name, time in body["timestamps"].items()}
    return avro(OURS, READING_ID, {"schema_version": 1} | body | {"timestamps": times})
