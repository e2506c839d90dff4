"""What a full buffer gave up, per asset: counted when it is dropped, told when Kafka takes records again. No I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec

from ironstream.contract import (
    DEFAULT_PART,
    Event,
    Metadata,
    Timestamps,
    Topic,
    asset_key,
)
from ironstream.gateway.outgoing import Outgoing, Priority
from ironstream.overflow import BufferOverflow, DroppedReadings

_SERIES_A_RECORD: Final = 1_000
_RANGES_A_SERIES: Final = 1_000
"""So that a record stays far below the largest that Kafka takes."""


class _Metadata(msgspec.Struct):
    boot: str | None = None
    seq: int | None = None


class _Timestamps(msgspec.Struct):
    device_time: str | None = None
    gateway_time: str | None = None


class _Dropped(msgspec.Struct):
    """What is read of a record that is given up."""

    asset_id: str
    timestamps: _Timestamps
    tenant_id: str = DEFAULT_PART
    site_id: str = DEFAULT_PART
    parameter: str | None = None
    metadata: _Metadata | None = None


_DECODER: Final = msgspec.json.Decoder(_Dropped)


class _Run(msgspec.Struct):
    """What was dropped of one parameter and one run; `seq` are ranges in the order they came."""

    parameter: str
    boot: str | None
    count: int
    first_time: str
    last_time: str
    seq: list[tuple[int, int]]

    def add(self, time: str, seq: int | None) -> None:
        self.count += 1
        # times of the gateway are all written alike, so that they order as text
        self.first_time, self.last_time = min(self.first_time, time), max(self.last_time, time)
        if seq is None:
            return
        if self.seq and self.seq[-1][1] + 1 == seq:
            self.seq[-1] = (self.seq[-1][0], seq)
        else:
            self.seq.append((seq, seq))


class Tally(msgspec.Struct):
    """What was dropped of one asset and not told yet."""

    tenant_id: str
    site_id: str
    asset_id: str
    events: int = 0
    runs: dict[str, _Run] = {}
    """By parameter and boot."""

    def add(self, record: _Dropped) -> None:
        """One more dropped reading."""
        metadata, time = record.metadata or _Metadata(), record.timestamps
        when, parameter = time.device_time or time.gateway_time or "", record.parameter or ""
        name = f"{parameter}/{metadata.boot}"
        run = self.runs.get(name)
        if run is None:
            run = self.runs[name] = _Run(parameter, metadata.boot, 0, when, when, [])
        run.add(when, metadata.seq)


class Overflow:
    """The tallies of all assets; `encoded` and `restored` keep them over a restart."""

    def __init__(self) -> None:
        self._tallies: dict[bytes, Tally] = {}

    def __bool__(self) -> bool:
        return bool(self._tallies)

    @property
    def assets(self) -> list[bytes]:
        """Kafka keys of the assets that something is to be told of."""
        return list(self._tallies)

    def add(self, topic: str, value: bytes) -> bytes | None:
        """Count a dropped record; the key of its asset, None for what nobody need be told of (a log line)."""
        if topic not in (Topic.TELEMETRY_RAW, Topic.EVENTS_RAW):
            return None
        try:
            record = _DECODER.decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        key = asset_key(record.tenant_id, record.site_id, record.asset_id)
        tally = self._tallies.get(key)
        if tally is None:
            tally = self._tallies[key] = Tally(record.tenant_id, record.site_id, record.asset_id)
        if topic == Topic.EVENTS_RAW:
            tally.events += 1
        else:
            tally.add(record)
        return key

    def encoded(self, key: bytes) -> bytes:
        """The tally of an asset, for `restored`."""
        return msgspec.json.encode(self._tallies[key])

    def restore(self, key: bytes, encoded: bytes) -> None:
        """Take up the tally of an asset from an earlier run. Raises msgspec.DecodeError."""
        self._tallies[key] = msgspec.json.decode(encoded, type=Tally)

    def forget(self, key: bytes) -> None:
        """It is told."""
        self._tallies.pop(key, None)

    def records(self, key: bytes, *, record_id: str, hostname: str, time: str) -> list[Outgoing]:
        """What to tell of an asset: records for dlq.buffer_overflow, then one event; none of them is ever dropped.

        `record_id` is a stem that no other telling has; `time` is ISO-8601, now.
        """
        tally = self._tallies[key]
        runs = list(tally.runs.values())
        identity: dict[str, Any] = {
            "tenant_id": tally.tenant_id,
            "site_id": tally.site_id,
            "asset_id": tally.asset_id,
        }
        records = [
            BufferOverflow(
                **identity,
                id=f"{record_id}/{number}",
                time=time,
                hostname=hostname,
                readings=sum(part.count for part in parts),
                events=0 if number else tally.events,
                dropped=parts,
            )
            for number, parts in enumerate(_parts(runs))
        ]
        event = Event(
            **identity,
            type="buffer_overflow",
            timestamps=Timestamps(gateway_time=time),
            metadata=Metadata(hostname=hostname),
            details={
                "readings": sum(run.count for run in runs),
                "events": tally.events,
                "parameters": len({run.parameter for run in runs}),
                "from": min((run.first_time for run in runs), default=None),
                "to": max((run.last_time for run in runs), default=None),
            },
        )
        encode = msgspec.json.encode
        told = [Outgoing(Topic.DLQ_OVERFLOW, key, encode(record), Priority.ALARM) for record in records]
        return [*told, Outgoing(Topic.EVENTS_RAW, key, encode(event), Priority.ALARM)]


def _parts(runs: Iterable[_Run]) -> Iterator[list[DroppedReadings]]:
    """The series of each record; at least one record, for an asset of which only events were dropped."""
    part: list[DroppedReadings] = []
    ranges = 0
    first = True
    for run in runs:
        for piece in _pieces(run):
            if part and (len(part) == _SERIES_A_RECORD or ranges + len(piece.seq) > _RANGES_A_SERIES):
                yield part
                part, ranges, first = [], 0, False
            part.append(piece)
            ranges += len(piece.seq)
    if part or first:
        yield part


def _pieces(run: _Run) -> Iterator[DroppedReadings]:
    """A run whose numbers have too many holes for one record is told in pieces; each counts its own."""
    unnumbered = run.count - sum(last - first + 1 for first, last in run.seq)
    for at in range(0, max(len(run.seq), 1), _RANGES_A_SERIES):
        seq = run.seq[at : at + _RANGES_A_SERIES]
        count = sum(last - first + 1 for first, last in seq) + (0 if at else unnumbered)
        yield DroppedReadings(
            parameter=run.parameter,
            boot=run.boot,
            count=count,
            seq=seq,
            from_=run.first_time,
            to=run.last_time,
        )
