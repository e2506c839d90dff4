"""Records of telemetry.raw to columns: decode, names to rows of tables, times, units.

Plain readings in JSON are read by a kernel, straight into columns; every other record by msgspec, one by one
(`agents.telemetry_slow`). What becomes of a record does not depend on its neighbours, nor on the way it went.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agents.telemetry_names import MOST_STREAMS, NO_CONVERSION, REWRITTEN, Names, RefusedError
from agents.telemetry_slow import UNKNOWN_QUALITY, Refusal, SlowReading, slow_reading
from agents.telemetry_wire import Stream
from ironstream.codec import NO_SCHEMAS, WireReading, decode_readings
from ironstream.domain.batch import UNCERTAIN, Batch, Reason
from ironstream.engine.api import Records
from ironstream.errors import DecodeError
from ironstream.kernels.avro_readings import read_avro
from ironstream.kernels.json_readings import read_json
from ironstream.kernels.layout import (
    DEVICE,
    GATEWAY,
    MISSING,
    QUALITY,
    READING_COLUMNS,
    SEQ,
    SLOW,
    TAKEN_AVRO,
    TAKEN_LONG,
    VALUE_AT,
    VERSION,
)
from ironstream.schemas import Schemas


@dataclass(slots=True)
class Input:
    """What a chunk holds. `batch` is sorted by series; its `row` counts the readings in log order.

    Per reading (row): `place` of its record and number of its `stream`; `slow` has those that no kernel has read.
    `found` has the kernel's columns per record. `statuses` are machine states in flat payloads, as values for
    events.raw with the places of their records.
    """

    records: Records
    found: NDArray[np.int64]
    fates: NDArray[np.uint8]
    schemas: Schemas
    refusals: list[Refusal] = field(default_factory=list)
    statuses: list[tuple[int, bytes]] = field(default_factory=list)
    batch: Batch | None = None
    place: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    stream: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    slow: dict[int, SlowReading] = field(default_factory=dict)

    def wire_reading(self, row: int) -> WireReading:
        """A reading as msgspec has it, however it was read."""
        if row in self.slow:
            return self.slow[row].reading
        # A kernel has read it, so that it is one reading and no fault.
        return decode_readings([self.records.value(int(self.place[row]))], self.schemas).readings[0]


def read_input(records: Records, clock_us: NDArray[np.int64], names: Names, schemas: Schemas = NO_SCHEMAS) -> Input:
    """Decode records and make columns; `clock_us` is the log's clock at each record, `schemas` are those of Avro.

    Never raises for what a record holds.
    """
    if len(names.streams) > MOST_STREAMS:
        names.forget()
    found = np.empty((len(records), READING_COLUMNS), np.int64)
    values, fates = np.empty(len(records)), np.empty(len(records), np.uint8)
    read_json(records.buffer, records.places, found, values, fates)
    for at in np.flatnonzero(fates == TAKEN_LONG).tolist():
        start, end = found[at, VALUE_AT : VALUE_AT + 2].tolist()
        values[at] = float(records.buffer[start:end].tobytes())
    for schema_id, program in schemas.readings.items():
        read_avro(records.buffer, records.places, schema_id, program.steps, program.codes, found, values, fates)
        incomplete = (found[:, [DEVICE, GATEWAY]] == MISSING).all(axis=1) | (found[:, VERSION] != 1)
        fates[(fates == TAKEN_AVRO) & incomplete] = SLOW
    stream = names.index.find(records.buffer, found, fates)
    given = Input(records, found, fates, schemas)
    slow = _read_the_rest(given, np.flatnonzero(stream < 0), stream, fates, names)
    taken = np.flatnonzero(stream >= 0)
    place = taken
    if slow:
        place = np.concatenate([taken, np.array([one.place for one in slow], np.int64)])
    if not len(place):
        return given
    order = np.argsort(place, kind="stable") if slow else slice(None)
    rows = found[taken]
    columns = {
        "stream": stream[taken],
        "device": rows[:, DEVICE],
        "gateway": rows[:, GATEWAY],
        "value": values[taken],
        "code": np.maximum(rows[:, QUALITY], 0),
        "seq": rows[:, SEQ],
    }
    for name, column in columns.items():
        more = np.array([getattr(one, name) for one in slow], column.dtype)
        columns[name] = np.concatenate([column, more])[order] if slow else column
    given.place, given.stream = place[order], columns["stream"]
    rank = {int(at): row for row, at in enumerate(order)} if isinstance(order, np.ndarray) else {}
    given.slow = {rank[len(taken) + number]: one for number, one in enumerate(slow)}
    given.batch = _batch(given, clock_us, columns, names)
    return given


def _read_the_rest(
    given: Input, places: NDArray[np.int64], stream: NDArray[np.int64], fates: NDArray[np.uint8], names: Names
) -> list[SlowReading]:
    """Take the records at `places`, in log order: those whose stream is new, and those that no kernel has read.

    Fills `stream` of the former; returns the readings of the latter.
    """
    if not len(places):
        return []
    records, slow = given.records, [at for at in places.tolist() if fates[at] == SLOW]
    decoded = decode_readings([records.value(at) for at in slow], given.schemas)
    readings: dict[int, list[int | None]] = {at: [] for at in slow}
    for read, source in enumerate(decoded.source):
        readings[slow[source]].append(read)
    given.statuses = [(slow[source], status) for source, status in decoded.statuses]
    given.refusals = [Refusal(slow[source], "malformed", str(err)) for source, err in decoded.faults]
    found: list[SlowReading] = []
    for at in places.tolist():
        # One order for both kinds: it decides the numbers of new series.
        for number in readings.get(at, (None,)):
            try:
                if number is None:
                    stream[at] = names.number_of(records.buffer, given.found[at])
                else:
                    found.append(slow_reading(decoded, number, at, names.number(_stream_of(decoded.readings[number]))))
            except DecodeError as err:
                given.refusals.append(Refusal(at, "malformed", str(err)))
            except RefusedError as err:
                given.refusals.append(Refusal(at, err.reason, err.detail))
    return found


def _stream_of(reading: WireReading) -> Stream:
    boot = None if reading.metadata is None else reading.metadata.boot
    return reading.tenant_id, reading.site_id, reading.asset_id, reading.parameter, reading.unit, boot


def _batch(given: Input, clock_us: NDArray[np.int64], columns: dict[str, NDArray[Any]], names: Names) -> Batch:
    known, stream, place = names.columns(), given.stream, given.place
    boot, flags = known.boot[stream], known.flags[stream]
    code, seq = columns["code"].astype(np.uint8), columns["seq"]
    series = known.series[stream]
    n = len(stream)
    batch = Batch(
        row=np.arange(n),
        series=series,
        offset=given.records.offsets[place],
        append=clock_us[place],
        device=np.ascontiguousarray(columns["device"]),
        gateway=np.ascontiguousarray(columns["gateway"]),
        value=columns["value"] * known.scale[stream] + known.offset[stream],
        is_null=np.isnan(columns["value"]),
        code=code,
        boot=np.where(seq > 0, boot, np.uint64(0)),
        seq=np.where(boot > 0, seq, 0),
        reasons=np.zeros(n, np.uint16),
    )
    unknown = code == UNKNOWN_QUALITY
    if unknown.any():
        batch.code[unknown] = 0
        batch.worsen(unknown, UNCERTAIN, Reason.DEVICE_QUALITY)
    batch.unusual = (flags & REWRITTEN) != 0
    wrong_unit = (flags & NO_CONVERSION) != 0
    if wrong_unit.any():
        batch.worsen(wrong_unit, UNCERTAIN, Reason.UNIT_MISMATCH)
    return batch.take(np.argsort(series, kind="stable"))
