"""What the Python peers share: W1's records in and its results out. They are scripts, which find it beside them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from fastavro import parse_schema, schemaless_reader

WINDOW_MS: Final = 60_000
_FRAME: Final = 5  # magic byte and schema id


def decoder() -> Callable[[bytes], Any]:
    """Reads a record's value (Avro in Confluent's framing): identifier, timestamp in ms, valueInW.

    The schema is that of SCHEMA_FILE: there is no registry.
    """
    schema = parse_schema(json.loads(Path(os.environ["SCHEMA_FILE"]).read_text()))

    def decode(value: bytes) -> Any:
        encoded = BytesIO(value)
        encoded.seek(_FRAME)
        return schemaless_reader(encoded, schema)

    return decode


def result(
    identifier: str, start: int, count: int, total: float, squares: float, least: float, most: float
) -> dict[str, Any]:
    """The value of a result: a window's statistics, from its sums (times in ms)."""
    mean = total / count
    return {
        "identifier": identifier,
        "window_start": start,
        "window_end": start + WINDOW_MS,
        "count": count,
        "sum": total,
        "mean": mean,
        "min": least,
        "max": most,
        "variance": max(0.0, squares / count - mean * mean),
    }
