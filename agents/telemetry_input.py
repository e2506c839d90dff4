"""Records of telemetry.raw to columns: decode, names to rows of tables, times, units."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agents.live_topology import Topology
from ironstream.codec import Decoded, WireReading, decode_readings
from ironstream.contract import IDENTITY_PART, Quality
from ironstream.domain.batch import UNCERTAIN, Batch, Reason
from ironstream.domain.rules import SeriesRules
from ironstream.domain.series import SeriesTable
from ironstream.domain.time_columns import MISSING, parse_times
from ironstream.domain.times import to_us
from ironstream.engine.api import Record
from ironstream.errors import DecodeError
from ironstream.topology.units import conversion

DEFAULT_PART: Final = "default"
_QUALITIES: Final[dict[str | None, int]] = {None: 0, **{quality.name: int(quality) for quality in Quality}}
_UNKNOWN_QUALITY: Final = 255
_MOST_STREAMS: Final = 200_000
Stream = tuple[str | None, str | None, str, str, str | None, str | None]
"""tenant, site, asset, parameter, unit, boot: as a reading says them"""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A record that does not become readings: its place among the records, reason and detail for the DLQ."""

    place: int
    reason: str
    detail: str


@dataclass(slots=True)
class Input:
    """Readings and their columns; `batch.row` counts in `readings`, and `source` leads on to the records."""

    readings: list[WireReading]
    source: NDArray[np.int64]
    decoded: Decoded
    batch: Batch | None
    refusals: list[Refusal]


_NO_CONVERSION: Final = 1
_UNUSUAL: Final = 2


@dataclass(frozen=True, slots=True)
class StreamColumns:
    """Per stream: row of its series, run of the adapter, scale and offset of its unit, flags."""

    series: NDArray[np.int64]
    boot: NDArray[np.uint64]
    scale: NDArray[np.float64]
    offset: NDArray[np.float64]
    flags: NDArray[np.uint8]


class Names:
    """Turns what readings say of themselves into rows of the series table, each combination once.

    `on_new_series` is called with the row and the rules of a series that was not known.
    """

    def __init__(
        self, table: SeriesTable, topology: Topology, on_new_series: Callable[[int, SeriesRules], None]
    ) -> None:
        self._table = table
        self._topology = topology
        self._on_new_series = on_new_series
        self._spoken: set[int] = set()
        self.forget()

    def follow(self, topology: Topology) -> None:
        """Another topology holds: look everything up again."""
        self._topology = topology
        self.forget()

    def forget(self) -> None:
        """Empty the lookup; it fills again by use."""
        self.streams: dict[Stream, int] = {}
        self._series: list[int] = []
        self._boot: list[int] = []
        self._scale: list[float] = []
        self._offset: list[float] = []
        self._flags: list[int] = []
        self._columns: StreamColumns | None = None

    def columns(self) -> StreamColumns:
        """What is known of the streams so far."""
        if self._columns is None or len(self._columns.series) != len(self._series):
            self._columns = StreamColumns(
                np.array(self._series, np.int64),
                np.array(self._boot, np.uint64),
                np.array(self._scale),
                np.array(self._offset),
                np.array(self._flags, np.uint8),
            )
        return self._columns

    def add(self, stream: Stream) -> int:
        """Number of a stream. Raises DecodeError for a name that is none, _Refused for one that is not admitted."""
        tenant, site, asset, parameter, unit, boot = stream
        identity = (tenant or DEFAULT_PART, site or DEFAULT_PART, asset, parameter)
        for field, part in zip(("tenant_id", "site_id", "asset_id", "parameter"), identity, strict=True):
            if not IDENTITY_PART.fullmatch(part):
                raise DecodeError(field, f"{part[:60]!r} is no name: letters, digits, . _ - (first a letter or digit)")
        reason = self._topology.admits(*identity[:3])
        if reason is not None:
            raise _RefusedError(reason, "/".join(identity[:3]))
        row = self._table.find(identity)
        if row is None:
            rules = self._topology.series(*identity)
            row = self._table.add(identity, rules)
            self._on_new_series(row, rules)
        declared = self._table.series_rules[row].unit
        if declared is None:
            self._take_first_unit(row, unit)
        unusual = not tenant or not site or (declared is not None and unit != declared)
        scale, offset, flags = 1.0, 0.0, _UNUSUAL if unusual else 0
        target = self._table.units[row]
        if target is not None and unit is not None and unit != target:
            found = conversion(unit, target)
            flags |= _NO_CONVERSION if found is None else 0
            scale, offset = found or (1.0, 0.0)
        number = self.streams[stream] = len(self._series)
        self._series.append(row)
        self._boot.append(boot_hash(boot) if boot else 0)
        self._scale.append(scale)
        self._offset.append(offset)
        self._flags.append(flags)
        return number

    def _take_first_unit(self, row: int, unit: str | None) -> None:
        """A series without a declared unit is aggregated in that of its first reading, and keeps it.

        Later units must not rename it: windows that are open hold values in the first one.
        """
        state = self._table.state[row]
        if row not in self._spoken and not (state["clean"] or state["duplicates"] or state["rejected"]):
            self._table.units[row] = unit
        self._spoken.add(row)


class _RefusedError(Exception):
    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


def boot_hash(boot: str) -> int:
    """A run of an adapter as a number other than 0."""
    return int.from_bytes(blake2b(boot.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little") or 1


def read_input(records: Sequence[Record], clock_us: NDArray[np.int64], names: Names) -> Input:
    """Decode records and make columns; `clock_us` is the log's clock at each record. Never raises for a record."""
    if len(names.streams) > _MOST_STREAMS:
        names.forget()
    decoded = decode_readings([record.value for record in records])
    refusals = [Refusal(place, "malformed", str(err)) for place, err in decoded.faults]
    streams, kept = _streams(decoded, names, refusals)
    device, gateway, kept = _time_columns(decoded, kept, refusals)
    if not kept:
        return Input(decoded.readings, np.empty(0, np.int64), decoded, None, refusals)
    every = len(kept) == len(decoded.readings)
    readings = decoded.readings if every else [decoded.readings[at] for at in kept]
    values, kept_again = _values(readings, kept, decoded, refusals)
    if kept_again is not None:
        keep = np.array(kept_again, np.int64)
        readings, values = [readings[at] for at in kept_again], values[keep]
        device, gateway, kept = device[keep], gateway[keep], [kept[at] for at in kept_again]
        if not kept:
            return Input(decoded.readings, np.empty(0, np.int64), decoded, None, refusals)
    source = np.array(decoded.source, np.int64)
    batch = _batch(readings, np.array(kept, np.int64), np.array([streams[at] for at in kept], np.int64), values, names)
    place = source[batch.row]
    offsets = np.array([record.offset for record in records], np.int64)
    batch.offset, batch.append = offsets[place], clock_us[place]
    batch.device, batch.gateway = device, gateway
    order = np.argsort(batch.series, kind="stable")
    return Input(decoded.readings, source, decoded, batch.take(order), refusals)


def _streams(decoded: Decoded, names: Names, refusals: list[Refusal]) -> tuple[list[int], list[int]]:
    """Number of the stream of each reading, and which readings have one."""
    get = names.streams.get
    keys: list[Stream] = [
        (r.tenant_id, r.site_id, r.asset_id, r.parameter, r.unit, None if r.metadata is None else r.metadata.boot)
        for r in decoded.readings
    ]
    numbers = [get(key) for key in keys]
    if None not in numbers:
        return numbers, list(range(len(numbers)))  # type: ignore[return-value]  # no None is left
    result, kept = [], []
    for at, key in enumerate(keys):
        # Again by name: the same stream may come twice in a batch.
        number = names.streams.get(key)
        if number is None:
            try:
                number = names.add(key)
            except DecodeError as err:
                refusals.append(Refusal(decoded.source[at], "malformed", str(err)))
            except _RefusedError as err:
                refusals.append(Refusal(decoded.source[at], err.reason, err.detail))
        result.append(-1 if number is None else number)
        if number is not None:
            kept.append(at)
    return result, kept


def _time_columns(
    decoded: Decoded, kept: list[int], refusals: list[Refusal]
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[int]]:
    stamps = [decoded.readings[at].timestamps for at in kept]
    device = parse_times([stamp.device_time for stamp in stamps])
    gateway = parse_times([stamp.gateway_time for stamp in stamps])
    if device is not None and gateway is not None and not ((device == MISSING) & (gateway == MISSING)).any():
        return device, gateway, kept
    devices, gateways, good = [], [], []
    for at, stamp in zip(kept, stamps, strict=True):
        try:
            pair = _time(stamp.device_time, "device_time"), _time(stamp.gateway_time, "gateway_time")
            if pair == (MISSING, MISSING):
                raise DecodeError("timestamps", "neither device_time nor gateway_time is there; one is required")
        except DecodeError as err:
            refusals.append(Refusal(decoded.source[at], "malformed", str(err)))
            continue
        devices.append(pair[0])
        gateways.append(pair[1])
        good.append(at)
    return np.array(devices, np.int64), np.array(gateways, np.int64), good


def _time(value: str | int | float | None, field: str) -> int:
    if value is None:
        return MISSING
    try:
        return to_us(value)
    except ValueError as err:
        raise DecodeError(f"timestamps.{field}", str(err)) from err


def _values(
    readings: list[WireReading], kept: list[int], decoded: Decoded, refusals: list[Refusal]
) -> tuple[NDArray[np.float64], list[int] | None]:
    """Values as floats (NaN for null); with the places that stay where a number is beyond all floats."""
    try:
        return np.array([reading.value for reading in readings], np.float64), None
    except OverflowError:
        values, good = np.zeros(len(readings)), []
        for at, reading in enumerate(readings):
            try:
                values[at] = np.nan if reading.value is None else float(reading.value)
                good.append(at)
            except OverflowError:
                refusals.append(Refusal(decoded.source[kept[at]], "malformed", "value: larger than any float"))
        return values, good


def _batch(
    readings: list[WireReading],
    row: NDArray[np.int64],
    stream: NDArray[np.int64],
    values: NDArray[np.float64],
    names: Names,
) -> Batch:
    known = names.columns()
    boot, flags = known.boot[stream], known.flags[stream]
    code = np.array([_QUALITIES.get(reading.quality, _UNKNOWN_QUALITY) for reading in readings], np.uint8)
    seq = np.array(
        [
            0 if reading.metadata is None or reading.metadata.seq is None else reading.metadata.seq
            for reading in readings
        ]
    )
    if seq.dtype != np.int64:  # a number beyond int64 made objects of them
        seq = np.array([one if 0 <= one < 2**63 else 0 for one in seq.tolist()], np.int64)
    n = len(readings)
    zeros = np.zeros(n, np.int64)
    is_null = np.isnan(values)
    batch = Batch(
        row=row,
        series=known.series[stream],
        offset=zeros,
        append=zeros,
        device=zeros,
        gateway=zeros,
        value=values * known.scale[stream] + known.offset[stream],
        is_null=is_null,
        code=code,
        boot=np.where(seq > 0, boot, np.uint64(0)),
        seq=np.where(boot > 0, np.maximum(seq, 0), 0),
        reasons=np.zeros(n, np.uint16),
    )
    unknown = code == _UNKNOWN_QUALITY
    if unknown.any():
        batch.code[unknown] = 0
        batch.worsen(unknown, UNCERTAIN, Reason.DEVICE_QUALITY)
    batch.unusual = (flags & _UNUSUAL) != 0
    if bool in {type(reading.value) for reading in readings}:
        batch.unusual |= np.array([type(reading.value) is bool for reading in readings])
    wrong_unit = (flags & _NO_CONVERSION) != 0
    if wrong_unit.any():
        batch.worsen(wrong_unit, UNCERTAIN, Reason.UNIT_MISMATCH)
    return batch
