"""The two wires of clean readings: how the bytes of a raw reading go on, and how one is encoded that cannot.

`fates` are those of readings whose bytes can go on. A stream whose readings lack something that has no place behind
their bytes cannot (`carries`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from io import BytesIO
from typing import Any, Final, Protocol

import fastavro
import msgspec

from ironstream.codec import Extra, WireReading, encode_reading, encode_with
from ironstream.contract import DEFAULT_PART, Quality
from ironstream.domain.batch import Reason
from ironstream.domain.rules import SeriesRules
from ironstream.domain.times import MAX_US, to_iso
from ironstream.engine.api import Headers
from ironstream.kernels.clean_avro import plan_clean_avro
from ironstream.kernels.clean_text import plan_clean_readings
from ironstream.kernels.layout import TAKEN, TAKEN_AVRO, TAKEN_LONG
from ironstream.schemas import CLEAN, frame
from ironstream.schemas.clean import to_record

Stream = tuple[str | None, str | None, str, str, str | None, str | None]
"""tenant, site, asset, parameter, unit, boot: as a reading says them"""
QUALITIES: Final = {int(quality): quality.name for quality in Quality}
"""Names by code."""


@lru_cache(maxsize=4096)
def reason_names(reasons: int) -> list[str]:
    """The words of a set of reasons."""
    return [str(reason.name).lower() for reason in Reason if reasons & reason]


@lru_cache(maxsize=65_536)
def iso(us: int) -> str:
    """A time on the wire. Batches repeat the same few times (appends, window bounds)."""
    return to_iso(min(max(us, 0), MAX_US))


class Wire(Protocol):
    """What `CleanReadings` asks of a wire. The texts are those that `plan`, a kernel, puts together."""

    fates: tuple[int, ...]
    headers: Headers
    plan: Callable[..., int]

    def carries(self, stream: Stream, rules: SeriesRules) -> bool:
        """Whether the bytes of the stream's readings can go on as they are."""

    def of_stream(self, stream: Stream, rules: SeriesRules, version: int) -> bytes:
        """What all clean readings of a stream have and the raw ones leave out."""

    def of_quality(self, code: int, reasons: int) -> tuple[bytes, bytes]:
        """Two texts for a quality and its reasons."""

    def of_time(self, us: int) -> bytes:
        """The text for an append time."""

    def encode(self, reading: WireReading, extra: Extra | None) -> bytes:
        """A complete clean reading."""


class JsonWire:
    """Clean readings in JSON: fields are put into the raw object."""

    fates: tuple[int, ...] = (TAKEN, TAKEN_LONG)
    headers: Headers = ()
    plan: Callable[..., int] = staticmethod(plan_clean_readings)

    def carries(self, stream: Stream, rules: SeriesRules) -> bool:
        """All but those with a name left empty, or in another unit than the declared one."""
        tenant, site, _, _, unit, _ = stream
        return "" not in (tenant, site) and (rules.unit is None or unit in (None, rules.unit))

    def of_stream(self, stream: Stream, rules: SeriesRules, version: int) -> bytes:
        """Fields, each with a comma before it."""
        tenant, site, _, _, unit, _ = stream
        fields = {
            "tenant_id": DEFAULT_PART if tenant is None else None,
            "site_id": DEFAULT_PART if site is None else None,
            "unit": rules.unit if unit is None else None,
            "site_name": rules.site_name,
            "machine_type": rules.machine_type,
            "canonical_name": rules.canonical_name,
            "topology_version": version,
        }
        return b"," + msgspec.json.encode({name: value for name, value in fields.items() if value is not None})[1:-1]

    def of_quality(self, code: int, reasons: int) -> tuple[bytes, bytes]:
        """The code in quotes, and the field of the reasons."""
        field = b',"quality_reasons":' + msgspec.json.encode(reason_names(reasons)) if reasons else b""
        return msgspec.json.encode(QUALITIES[code]), field

    def of_time(self, us: int) -> bytes:
        """The field `kafka_time`."""
        return b',"kafka_time":"%s"' % iso(us).encode()

    def encode(self, reading: WireReading, extra: Extra | None) -> bytes:
        """JSON."""
        return encode_with(reading, extra) if extra else encode_reading(reading)


class AvroWire:
    """Clean readings in Avro: fields are put behind those of the raw record, whose schema is ours."""

    fates: tuple[int, ...] = (TAKEN_AVRO,)
    plan: Callable[..., int] = staticmethod(plan_clean_avro)

    def __init__(self, schema_id: int) -> None:
        self.headers: Headers = [("schema_id", b"%d" % schema_id)]
        self._frame = frame(schema_id)
        self._schema = fastavro.parse_schema(CLEAN)

    def carries(self, stream: Stream, rules: SeriesRules) -> bool:
        """Those that say tenant, site and, where one is declared, the unit: these stand within the raw record."""
        tenant, site, _, _, unit, _ = stream
        return bool(tenant and site) and (rules.unit is None or unit == rules.unit)

    def of_stream(self, stream: Stream, rules: SeriesRules, version: int) -> bytes:
        """The fields from topology_version on."""
        last = {"topology_version": version, "site_name": rules.site_name, "machine_type": rules.machine_type}
        return _encode(_TAIL, last | {"canonical_name": rules.canonical_name, "extra": None})

    def of_quality(self, code: int, reasons: int) -> tuple[bytes, bytes]:
        """The frame, and the fields quality and quality_reasons."""
        fields = {"quality": QUALITIES[code], "quality_reasons": reason_names(reasons)}
        return self._frame, _encode(_QUALITY, fields)

    def of_time(self, us: int) -> bytes:
        """The field `kafka_time`."""
        return _encode(_TIME, {"kafka_time": min(max(us, 0), MAX_US)})

    def encode(self, reading: WireReading, extra: Extra | None) -> bytes:
        """Framed Avro; what the schema has no field for is JSON in `extra`."""
        return self._frame + _encode(self._schema, to_record(msgspec.to_builtins(reading), extra or {}))


def _part_of(first: str, last: str) -> Any:
    """The fields of a clean reading from one to another, as a schema of their own."""
    assert isinstance(CLEAN, dict)
    names = [field["name"] for field in CLEAN["fields"]]
    fields = CLEAN["fields"][names.index(first) : names.index(last) + 1]
    return fastavro.parse_schema({"type": "record", "name": f"{first}_{last}", "fields": fields})


_QUALITY: Final = _part_of("quality", "quality_reasons")
_TIME: Final = _part_of("kafka_time", "kafka_time")
_TAIL: Final = _part_of("topology_version", "extra")


def _encode(schema: Any, record: dict[str, Any]) -> bytes:
    out = BytesIO()
    fastavro.schemaless_writer(out, schema, record)
    return out.getvalue()
