"""Clean readings: the raw bytes and what they get in addition, in pieces; only what changes within is encoded anew."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agents.telemetry_input import Input
from agents.telemetry_names import StreamColumns
from agents.telemetry_wire import QUALITIES, Wire, iso, reason_names
from ironstream.codec import WireReading
from ironstream.contract import SCHEMA_VERSION
from ironstream.domain.batch import Batch, Reason
from ironstream.domain.series import NEVER, SeriesTable
from ironstream.engine.api import Pieces
from ironstream.kernels.clean_rows import (
    APPEND_MS,
    CLEAN_COLUMNS,
    OFFSET,
    QUALITY_TEXT,
    ROOM,
    SERIES,
    SKEW_MS,
    STREAM,
    TIME_TEXT,
    WHICH,
)
from ironstream.kernels.layout import NUMBER_OF_FATES, ROW_COLUMNS


class _Texts:
    """Texts in one buffer, and the places of them."""

    def __init__(self) -> None:
        self.buffer = bytearray()

    def add(self, text: bytes) -> tuple[int, int]:
        start = len(self.buffer)
        self.buffer += text
        return start, len(self.buffer)


class CleanReadings:
    """Puts clean readings of one partition together."""

    def __init__(self, table: SeriesTable, id_prefix: bytes, topology_version: int, wire: Wire) -> None:
        self._table = table
        self._wire = wire
        self._encoded_anew = np.ones(NUMBER_OF_FATES, np.bool_)
        """By fate: whether the bytes of such a reading cannot go on."""
        self._encoded_anew[list(wire.fates)] = False
        self._prefix = np.frombuffer(bytearray(id_prefix), np.uint8)
        self._topology_version = topology_version
        self._keys = _Texts()
        self._key_places: list[tuple[int, int]] = []
        self._key_columns: tuple[NDArray[np.uint8], NDArray[np.int64]] | None = None

    def register(self, key: bytes) -> None:
        """The key of the next series."""
        self._key_places.append(self._keys.add(key))
        self._key_columns = None

    def pieces(self, given: Input, batch: Batch, at: NDArray[np.int64], streams: StreamColumns) -> Pieces:
        """The readings at the places `at` of the batch, in that order."""
        rows = batch.row[at]
        texts = _Texts()
        clean = np.empty((len(at), CLEAN_COLUMNS), np.int64)
        clean[:, WHICH] = given.place[rows]
        clean[:, OFFSET] = batch.offset[at]
        clean[:, APPEND_MS] = batch.append[at] // 1000
        clean[:, SKEW_MS] = _skews_ms(batch, at)
        clean[:, SERIES] = batch.series[at]
        clean[:, STREAM] = given.stream[rows]
        qualities, clean[:, QUALITY_TEXT] = self._quality_texts(batch.code[at], batch.reasons[at], texts)
        times, clean[:, TIME_TEXT] = self._time_texts(batch.append[at], texts)
        written = self._rewrite(given, batch, at, clean, texts)
        keys, key_places = self._key_arrays()
        longest = streams.longest + int(np.ptp(qualities[:, :4], axis=1).max())
        made = np.empty(len(texts.buffer) + len(at) * (ROOM + len(self._prefix) + longest), np.uint8)
        made[: len(texts.buffer)] = np.frombuffer(texts.buffer, np.uint8)
        out = np.empty((len(at), ROW_COLUMNS), np.int64)
        self._wire.plan(
            clean, given.found, written, qualities, times, streams.places, streams.texts, key_places, self._prefix,
            made, len(texts.buffer), out,
        )  # fmt: skip
        return Pieces(given.records.buffer, made, keys, out, self._wire.headers)

    def _key_arrays(self) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        if self._key_columns is None:
            keys = np.frombuffer(bytearray(self._keys.buffer), np.uint8)
            self._key_columns = keys, np.array(self._key_places, np.int64)
        return self._key_columns

    def _quality_texts(
        self, codes: NDArray[np.uint8], reasons: NDArray[np.uint16], texts: _Texts
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Places of the texts of the qualities that occur, and their codes; and which of them each reading has."""
        combined = codes.astype(np.int64) << 16 | reasons
        kinds, which = np.unique(combined, return_inverse=True) if combined.any() else (combined[:1], combined)
        rows = []
        for kind in kinds.tolist():
            code, given = kind >> 16, kind & 0xFFFF
            first, second = self._wire.of_quality(code, given)
            rows.append((*texts.add(first), *texts.add(second), code))
        return np.array(rows, np.int64), which

    def _time_texts(self, appends: NDArray[np.int64], texts: _Texts) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Places of the texts of the append times that occur, and which of them each reading has."""
        kinds, which = np.unique(appends, return_inverse=True)
        return np.array([texts.add(self._wire.of_time(time)) for time in kinds.tolist()]), which

    def _rewrite(
        self, given: Input, batch: Batch, at: NDArray[np.int64], clean: NDArray[np.int64], texts: _Texts
    ) -> NDArray[np.int64]:
        """Encode the readings that change within, or that no kernel has read; their columns then lead to the result."""
        changed = batch.unusual[at] | self._encoded_anew[given.fates[given.place[batch.row[at]]]]
        written: list[tuple[int, int, int, int]] = []
        for place in np.flatnonzero(changed).tolist():
            where = int(at[place])
            slow = given.slow.get(int(batch.row[where]))
            reading = given.wire_reading(int(batch.row[where]))
            self._complete(reading, batch, where, int(clean[place, SKEW_MS]))
            name = self._prefix.tobytes() + b"%d" % batch.offset[where]
            if slow is not None and slow.part is not None:
                name += b"/" + slow.part.encode()
            value = self._wire.encode(reading, slow.extra if slow else None)
            written.append((*texts.add(value), *texts.add(name)))
            clean[place, WHICH] = -len(written)
        return np.array(written, np.int64).reshape(-1, 4)

    def _complete(self, reading: WireReading, batch: Batch, at: int, skew_ms: int) -> None:
        """Give a reading all that a clean one has."""
        series, reasons = int(batch.series[at]), int(batch.reasons[at])
        rules = self._table.series_rules[series]
        reading.schema_version = SCHEMA_VERSION
        reading.tenant_id, reading.site_id = self._table.identities[series][:2]
        reading.quality = QUALITIES[int(batch.code[at])]
        reading.quality_reasons = reason_names(reasons) if reasons else None
        reading.clock_skew_ms = skew_ms
        reading.topology_version = self._topology_version
        reading.timestamps.kafka_time = iso(int(batch.append[at]))
        reading.site_name, reading.machine_type = rules.site_name, rules.machine_type
        reading.canonical_name = rules.canonical_name
        if isinstance(reading.value, bool):
            reading.value = int(reading.value)
        if rules.unit is not None and rules.unit != reading.unit and not reasons & Reason.UNIT_MISMATCH:
            if reading.unit is not None and reading.value is not None:
                reading.value = float(batch.value[at])
            reading.unit = rules.unit


def _skews_ms(batch: Batch, at: NDArray[np.int64]) -> NDArray[np.int64]:
    device, gateway = batch.device[at], batch.gateway[at]
    both = (device != NEVER) & (gateway != NEVER)
    return np.where(both, (gateway - device) // 1000, 0)
