"""The bench's readings in Avro, by our schema of readings, and the schema files that the workers need for it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Final

import fastavro
import numpy as np
from numpy.typing import NDArray

from ironstream import schemas
from ironstream.bench.plant import SITE, SKEW_US, TENANT, Plant, Row

READING_ID: Final = 1
CLEAN_ID: Final = 2


def write_schemas(folder: Path) -> dict[str, str]:
    """Put the schema files into `folder`; returns the settings of a worker that reads and writes Avro."""
    folder.mkdir()
    here = Path(schemas.__file__).parent
    shutil.copy(here / "reading.avsc", folder / f"{READING_ID}.avsc")
    shutil.copy(here / "clean_reading.avsc", folder / f"{CLEAN_ID}.avsc")
    return {"IRONSTREAM_SCHEMAS": str(folder), "IRONSTREAM_OUTPUT_WIRE": "avro"}


def avro_rows(plant: Plant, assets: list[int], steps: range, values: NDArray[np.float64]) -> Iterator[Row]:
    """The readings of `Plant.rows`, in Avro: about 120 bytes each."""
    schema = fastavro.parse_schema(schemas.OURS)
    frame = schemas.frame(READING_ID)
    for step in steps:
        times = plant.times_us(step)
        for asset in assets:
            key, name, time_us = plant.key(asset), plant.asset(asset), int(times[asset])
            for number, series in enumerate(plant.series_of(asset)):
                out = BytesIO()
                reading = {
                    "schema_version": 1,
                    "tenant_id": TENANT,
                    "site_id": SITE,
                    "asset_id": name,
                    "parameter": f"p{number}",
                    "value": float(values[step, series]),
                    "unit": "bar",
                    "classification": "TELEMETRY",
                    "timestamps": {"device_time": time_us, "gateway_time": time_us + SKEW_US},
                    "metadata": {
                        "pipeline_id": name,
                        "adapter_id": "bench",
                        "adapter_version": "0.1.0",
                        "hostname": "gateway-1",
                        "boot": plant.boot,
                        "seq": step + 1,
                    },
                    "quality": "GOOD",
                }
                fastavro.schemaless_writer(out, schema, reading)
                yield key, frame + out.getvalue()
