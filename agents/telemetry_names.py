"""What readings say of themselves, turned into rows of the series table, each combination once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agents.live_topology import Topology
from agents.telemetry_wire import Stream, Wire
from ironstream.contract import DEFAULT_PART, IDENTITY_PART
from ironstream.domain.rules import SeriesRules
from ironstream.domain.series import SeriesTable
from ironstream.errors import DecodeError
from ironstream.kernels.layout import NUMBER_OF_PARTS, PARTS
from ironstream.kernels.streams import StreamIndex
from ironstream.topology.units import conversion

MOST_STREAMS: Final = 200_000
NO_CONVERSION: Final = 1
REWRITTEN: Final = 2
"""Its readings change in more than what they get in addition: the wire cannot carry their bytes on."""


class RefusedError(Exception):
    """The topology does not admit a series; `reason` and `detail` are for the dead letter."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True)
class StreamColumns:
    """Per stream: row of its series, run of the adapter, scale and offset of its unit, flags, and the place in `texts`
    of the fields that its clean readings have and its raw ones do not. `longest`: bytes of the longest of these."""

    series: NDArray[np.int64]
    boot: NDArray[np.uint64]
    scale: NDArray[np.float64]
    offset: NDArray[np.float64]
    flags: NDArray[np.uint8]
    places: NDArray[np.int64]
    texts: NDArray[np.uint8]
    longest: int


class Names:
    """The streams of a partition, numbered in the order in which the log names them.

    `on_new_series` is called with the row and the rules of a series that was not known.
    """

    def __init__(
        self, table: SeriesTable, topology: Topology, wire: Wire, on_new_series: Callable[[int, SeriesRules], None]
    ) -> None:
        self._table = table
        self._topology = topology
        self._wire = wire
        self._on_new_series = on_new_series
        self._spoken: set[int] = set()
        self.forget()

    def forget(self) -> None:
        """Empty the lookup; it fills again by use."""
        self.streams: dict[Stream, int] = {}
        self.index = StreamIndex()
        self._indexed: set[int] = set()
        self._series: list[int] = []
        self._boot: list[int] = []
        self._scale: list[float] = []
        self._offset: list[float] = []
        self._flags: list[int] = []
        self._places: list[tuple[int, int]] = []
        self._texts = bytearray()
        self._longest = 0
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
                np.array(self._places, np.int64).reshape(-1, 2),
                np.frombuffer(bytearray(self._texts) or bytearray(1), np.uint8),
                self._longest,
            )
        return self._columns

    def number(self, stream: Stream) -> int:
        """Number of a stream, which becomes known by it.

        Raises DecodeError for a name that is none, RefusedError for one that the topology does not admit.
        """
        number = self.streams.get(stream)
        return self._add(stream) if number is None else number

    def number_of(self, buffer: NDArray[np.uint8], row: NDArray[np.int64]) -> int:
        """The same for the names at a kernel's places in `buffer`; from then on the index finds them."""
        parts: list[str | None] = []
        for part in range(PARTS, PARTS + 2 * NUMBER_OF_PARTS, 2):
            start, end = row[part : part + 2].tolist()
            parts.append(None if start < 0 else buffer[start:end].tobytes().decode("ascii"))
        tenant, site, asset, parameter, unit, boot = parts
        number = self.number((tenant, site, asset or "", parameter or "", unit, boot))
        if number not in self._indexed:
            self.index.add(buffer, row, number)
            self._indexed.add(number)
        return number

    def _add(self, stream: Stream) -> int:
        tenant, site, asset, parameter, unit, boot = stream
        identity = (tenant or DEFAULT_PART, site or DEFAULT_PART, asset, parameter)
        for field, part in zip(("tenant_id", "site_id", "asset_id", "parameter"), identity, strict=True):
            if not IDENTITY_PART.fullmatch(part):
                raise DecodeError(field, f"{part[:60]!r} is no name: letters, digits, . _ - (first a letter or digit)")
        reason = self._topology.admits(*identity[:3])
        if reason is not None:
            raise RefusedError(reason, "/".join(identity[:3]))
        row = self._table.find(identity)
        if row is None:
            rules = self._topology.series(*identity)
            row = self._table.add(identity, rules)
            self._on_new_series(row, rules)
        declared = self._table.series_rules[row].unit
        if declared is None:
            self._take_first_unit(row, unit)
        scale, offset, flags = 1.0, 0.0, 0
        target = self._table.units[row]
        if target is not None and unit is not None and unit != target:
            found = conversion(unit, target)
            flags |= NO_CONVERSION if found is None else 0
            scale, offset = found or (1.0, 0.0)
        rules = self._table.series_rules[row]
        if not self._wire.carries(stream, rules):
            flags |= REWRITTEN
        number = self.streams[stream] = len(self._series)
        self._series.append(row)
        self._boot.append(boot_hash(boot) if boot else 0)
        self._scale.append(scale)
        self._offset.append(offset)
        self._flags.append(flags)
        text = self._wire.of_stream(stream, rules, self._topology.version)
        self._places.append((len(self._texts), len(self._texts) + len(text)))
        self._texts += text
        self._longest = max(self._longest, len(text))
        return number

    def _take_first_unit(self, row: int, unit: str | None) -> None:
        """A series without a declared unit is aggregated in that of its first reading, and keeps it.

        Later units must not rename it: windows that are open hold values in the first one.
        """
        state = self._table.state[row]
        if row not in self._spoken and not (state["clean"] or state["duplicates"] or state["rejected"]):
            self._table.units[row] = unit
        self._spoken.add(row)


def boot_hash(boot: str) -> int:
    """A run of an adapter as a number other than 0."""
    return int.from_bytes(blake2b(boot.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little") or 1
