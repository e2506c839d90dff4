"""What the kernel takes it reads as msgspec does; what machines send it takes; the rest it leaves alone."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ironstream.codec import WireReading, decode_readings
from ironstream.domain.times import to_iso, to_us
from ironstream.engine.api import Records
from ironstream.kernels import layout as at
from ironstream.kernels.json_readings import read_json
from tests.support.engine import record

PLAIN: dict[str, Any] = {
    "schema_version": 1,
    "tenant_id": "acme",
    "site_id": "rig",
    "asset_id": "well-12",
    "parameter": "pressure",
    "value": 185.4,
    "unit": "psi",
    "quality": "GOOD",
    "classification": "TELEMETRY",
    "timestamps": {"device_time": "2025-01-10T12:01:03.123Z", "gateway_time": "2025-01-10T12:01:04.001Z"},
    "metadata": {"pipeline_id": "p", "adapter_id": "a", "adapter_version": "1", "hostname": "h", "boot": "b", "seq": 7},
}


class Read:
    """What the kernel says of one value."""

    def __init__(self, value: bytes | None) -> None:
        self.records = Records.of([record(0, b"k", value, 0)])
        self.row = np.full((1, at.READING_COLUMNS), -99, np.int64)
        values, fates = np.zeros(1), np.zeros(1, np.uint8)
        read_json(self.records.buffer, self.records.places, self.row, values, fates)
        self.fate, self.value = int(fates[0]), float(values[0])
        if self.fate == at.TAKEN_LONG:
            self.value = float(self.text(at.VALUE_AT) or "")

    def text(self, column: int) -> str | None:
        start, end = self.row[0, column : column + 2].tolist()
        return None if start < 0 else self.records.buffer[start:end].tobytes().decode()

    def agrees_with(self, reading: WireReading) -> None:
        meta = reading.metadata
        parts = [self.text(part) for part in range(at.PARTS, at.PARTS + 12, 2)]
        assert parts == [
            reading.tenant_id,
            reading.site_id,
            reading.asset_id,
            reading.parameter,
            reading.unit,
            meta.boot if meta else None,
        ]
        assert reading.value is not None
        # as the agent takes it: Python compares a double with a whole number beyond 2⁵³ digit by digit
        assert self.value == float(reading.value)
        assert math.copysign(1, self.value) == math.copysign(1, float(reading.value)) or reading.value == 0
        for column, time in (
            (at.DEVICE, reading.timestamps.device_time),
            (at.GATEWAY, reading.timestamps.gateway_time),
        ):
            assert self.row[0, column] == (at.MISSING if time is None else to_us(time))
        assert self.row[0, at.SEQ] == (meta.seq if meta and meta.seq is not None else 0)
        assert self.row[0, at.VERSION] == (1 if reading.schema_version else -1)
        codes = {None: -1, "GOOD": 0, "SUSPECT": 1, "UNCERTAIN": 2, "BAD": 3}
        assert self.row[0, at.QUALITY] == codes[reading.quality]


def holds(value: bytes) -> None:
    """Whatever the kernel takes, msgspec takes with the same result, and no field is left out."""
    read = Read(value)
    if read.fate == at.SLOW:
        return
    decoded = decode_readings([value])
    assert not decoded.faults
    assert not decoded.extras
    read.agrees_with(decoded.readings[0])


names = st.text(st.characters(codec="ascii", min_codepoint=32, exclude_characters='"\\'), max_size=12)
numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(10**20), 10**20).map(str),
    st.decimals(-1000, 1000, places=4, allow_nan=False).map(str),
    st.from_regex(r"-?(0|[1-9][0-9]{0,18})(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?", fullmatch=True),
)
stamps = st.one_of(
    st.integers(0, 4_102_444_800_000_000).map(lambda us: json.dumps(to_iso(us))),
    st.integers(0, 10**13).map(str),
    st.datetimes().map(lambda time: json.dumps(time.isoformat() + "+02:30")),
    st.from_regex(
        r'"20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9](\.[0-9]{1,7})?Z"', fullmatch=True
    ),
)


@st.composite
def readings(draw: st.DrawFn) -> bytes:
    """Readings as text, so that numbers and times stand there as drawn."""
    space = draw(st.sampled_from(["", " ", "\n\t "]))
    times = draw(st.dictionaries(st.sampled_from(["device_time", "gateway_time"]), stamps, min_size=1))
    meta = draw(
        st.fixed_dictionaries({}, optional={"boot": names.map(json.dumps), "seq": st.integers(0, 2**40).map(str)})
    )
    fields: dict[str, str] = {
        "asset_id": draw(names.map(json.dumps)),
        "parameter": draw(names.map(json.dumps)),
        "value": draw(numbers),
        "timestamps": _object(times, space),
    }
    optional = {"tenant_id": names, "site_id": names, "unit": names, "classification": names}
    fields |= draw(st.fixed_dictionaries({}, optional={key: some.map(json.dumps) for key, some in optional.items()}))
    if draw(st.booleans()):
        fields["quality"] = json.dumps(draw(st.sampled_from(["GOOD", "SUSPECT", "UNCERTAIN", "BAD"])))
    if draw(st.booleans()):
        fields["schema_version"] = "1"
    if meta:
        fields["metadata"] = _object(meta, space)
    order = draw(st.permutations(list(fields)))
    return _object({key: fields[key] for key in order}, space).encode()


def _object(fields: dict[str, str], space: str) -> str:
    return (
        f"{{{space}"
        + f",{space}".join(f'"{key}"{space}:{space}{value}' for key, value in fields.items())
        + f"{space}}}"
    )


@given(readings())
def test_what_it_takes_it_reads_as_msgspec_does(value: bytes) -> None:
    holds(value)


@given(readings(), st.data())
def test_a_reading_with_a_byte_changed_cut_or_added_is_read_alike_or_left(value: bytes, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(value) - 1))
    byte = data.draw(st.one_of(st.sampled_from(b'{}[]",:\\0e.-nt \x00\xff'), st.integers(0, 255)))
    cut = data.draw(st.integers(0, 3))
    holds(value[:place] + bytes([byte]) + value[place + cut :])
    holds(value[:place])


@given(st.binary(max_size=80))
def test_no_bytes_are_too_strange(value: bytes) -> None:
    holds(value)


def test_what_machines_send_is_taken() -> None:
    for separators in ((",", ":"), (", ", ": ")):
        read = Read(json.dumps(PLAIN, separators=separators).encode())
        assert read.fate == at.TAKEN
        assert read.row[0, at.DEVICE] == to_us(PLAIN["timestamps"]["device_time"])
    assert Read(json.dumps(PLAIN | {"value": 0.1 + 0.2}).encode()).fate == at.TAKEN_LONG
    assert Read(json.dumps(PLAIN | {"timestamps": {"gateway_time": 1_700_000_000}}).encode()).fate == at.TAKEN


@pytest.mark.parametrize(
    "change",
    [
        {"value": None},
        {"value": True},
        {"value": "high"},
        {"unit": None},
        {"asset_id": "pump\n1"},
        {"asset_id": "pümp"},
        {"colour": "red"},
        {"schema_version": 0},
        {"quality": "FINE"},
        {"timestamps": {}},
        {"timestamps": {"device_time": "2025-02-30T00:00:00Z"}},
        {"timestamps": {"device_time": "2025-01-10T12:01:03.123"}},
        {"metadata": {"seq": -1}},
        {"kafka_time": 1},
    ],
    ids=str,
)
def test_what_needs_a_closer_look_is_left(change: dict[str, Any]) -> None:
    assert Read(json.dumps(PLAIN | change).encode()).fate == at.SLOW


def test_a_field_that_stands_there_twice_is_left() -> None:
    value = json.dumps(PLAIN)
    for twice in (value[:-1] + ', "value": 3}', value.replace('"seq": 7', '"seq": 7, "seq": 8')):
        assert Read(twice.encode()).fate == at.SLOW


def test_no_value_and_framed_avro_are_left() -> None:
    for value in (None, b"", b"\x00\x00\x00\x00\x01\x02"):
        assert Read(value).fate == at.SLOW


def test_records_are_read_apart() -> None:
    good = json.dumps(PLAIN).encode()
    values = [good[:-9], good[-9:], good, good + b"x"]
    records = Records.of([record(number, None, value, 0) for number, value in enumerate(values)])
    found = np.empty((4, at.READING_COLUMNS), np.int64)
    fates = np.empty(4, np.uint8)
    read_json(records.buffer, records.places, found, np.empty(4), fates)
    assert fates.tolist() == [at.SLOW, at.SLOW, at.TAKEN, at.SLOW]
