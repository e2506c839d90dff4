"""What the telemetry agent emits: clean readings, dead letters, aggregates, events, conditions; each with its id.

An id is a pure function of the input: a repeat after a crash carries the same one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite
from typing import Final

import msgspec
import numpy as np

from agents.telemetry_clean import CleanReadings
from agents.telemetry_input import Input
from agents.telemetry_names import Names
from agents.telemetry_slow import Refusal
from agents.telemetry_wire import Wire, iso
from ironstream.contract import (
    ID_HEADER,
    SCHEMA_VERSION,
    Condition,
    Event,
    Evidence,
    Timestamps,
    Topic,
    asset_key,
)
from ironstream.dlq import dlq_headers
from ironstream.domain.batch import Fate, Finding, Reason
from ironstream.domain.conditions import Change
from ironstream.domain.series import SeriesTable
from ironstream.domain.windows.results import Results
from ironstream.engine.api import Headers, Outputs, Record

Row = tuple[int, bytes | None, bytes | None, Headers]
_encode: Final = msgspec.json.Encoder().encode


class _QualitySummary(msgspec.Struct, gc=False):
    good: int
    suspect: int
    uncertain: int
    bad: int
    pct_good: float


class _Values(msgspec.Struct, gc=False):
    avg: float
    min: float
    max: float
    stddev: float
    count: int
    p50: float
    p95: float
    p99: float
    first: float
    last: float
    time_weighted_avg: float


class _Aggregate(msgspec.Struct, gc=False):
    schema_version: int
    tenant_id: str
    site_id: str
    asset_id: str
    parameter: str
    unit: str | None
    window_start: str
    window_end: str
    size_s: int
    revision: int
    final: bool
    aggregates: _Values
    percentile_method: str
    quality_summary: _QualitySummary
    topology_version: int


_REFUSING: Final = (Reason.TIME_OUT_OF_RANGE, Reason.RATE_LIMITED, Reason.NOT_A_NUMBER, Reason.RANGE)


def _refusal(reasons: int) -> str:
    """The reason why a reading was refused: the first that refuses, not one that only made it doubtful."""
    names = (str(reason.name).lower() for reason in _REFUSING if reasons & reason)
    return next(names, "device_quality")


class TelemetryOutput:
    """Encodes and sends for one partition."""

    def __init__(self, table: SeriesTable, topic: str, partition: int, topology_version: int, wire: Wire) -> None:
        self._table = table
        self._topic = topic
        self._partition = partition
        self._id_prefix = f"{topic}/{partition}/".encode()
        self._clean = CleanReadings(table, self._id_prefix, topology_version, wire)
        self.keys: list[bytes] = []
        self.topology_version = topology_version

    def register(self, row: int) -> None:
        """A new series."""
        if row == len(self.keys):
            self.keys.append(asset_key(*self._table.identities[row][:3]))
            self._clean.register(self.keys[-1])

    def readings(self, given: Input, names: Names, out: Outputs) -> None:
        """Clean readings, and dead letters for the rejected ones, in log order."""
        batch = given.batch
        if batch is None:
            return
        log_order = np.argsort(batch.row, kind="stable")
        clean = log_order[batch.fate[log_order] == Fate.CLEAN]
        if len(clean):
            out.send_pieces(Topic.TELEMETRY_CLEAN, self._clean.pieces(given, batch, clean, names.columns()))
        rejected = log_order[batch.fate[log_order] == Fate.REJECTED]
        for at, place in zip(rejected.tolist(), given.place[batch.row[rejected]].tolist(), strict=True):
            detail = f"{'/'.join(self._table.identities[batch.series[at]])}: value {batch.value[at]:.6g}"
            self._dead_letter(given.records[place], _refusal(int(batch.reasons[at])), detail, out)

    def refusals(self, records: Sequence[Record], refusals: list[Refusal], out: Outputs) -> None:
        """Dead letters of records that did not become readings, one per record."""
        told: set[int] = set()
        for refusal in sorted(refusals, key=lambda refusal: refusal.place):
            if refusal.place not in told:
                told.add(refusal.place)
                self._dead_letter(records[refusal.place], refusal.reason, refusal.detail, out)

    def _dead_letter(self, record: Record, reason: str, detail: str, out: Outputs) -> None:
        headers = dlq_headers(record, self._topic, self._partition, reason, detail, self.topology_version)
        out.send(Topic.DLQ_TELEMETRY, record.key, record.value, record.timestamp, headers)

    def statuses(self, records: Sequence[Record], statuses: list[tuple[int, bytes]], out: Outputs) -> None:
        """Machine status of flat payloads goes on to the events agent, which tells its changes."""
        for place, value in statuses:
            record = records[place]
            name = self._id_prefix + f"{record.offset}/status".encode()
            out.send(Topic.EVENTS_RAW, record.key, value, record.timestamp, [(ID_HEADER, name)])

    def aggregates(self, done: Results, now_ms: int, out: Outputs) -> None:
        """Aggregates of closed windows."""
        out.send_many(Topic.aggregates(done.size_us // 1_000_000), self._aggregates(done, now_ms))

    def _aggregates(self, done: Results, now_ms: int) -> Iterator[Row]:
        table, size_s, c = self._table, done.size_us // 1_000_000, done.columns
        for at, series in enumerate(done.series):
            tenant, site, asset, parameter = table.identities[series]
            start, revision = iso(done.start[at]), c["revision"][at]
            value = _encode(
                _Aggregate(
                    SCHEMA_VERSION, tenant, site, asset, parameter, table.units[series], start, iso(done.end[at]),
                    size_s, revision, done.final[at],
                    _Values(
                        c["avg"][at], c["min"][at], c["max"][at], c["stddev"][at], c["count"][at], c["p50"][at],
                        c["p95"][at], c["p99"][at], c["first"][at], c["last"][at], c["time_weighted_avg"][at],
                    ),
                    "exact" if done.exact[at] else "sketch",
                    _QualitySummary(
                        c["good"][at], c["suspect"][at], c["uncertain"][at], c["bad"][at], c["pct_good"][at]
                    ),
                    self.topology_version,
                )
            )  # fmt: skip
            name = f"{tenant}/{site}/{asset}/{parameter}/{size_s}/{done.start[at]}/{revision}"
            yield now_ms, self.keys[series], value, [(ID_HEADER, name.encode())]

    def findings(self, findings: list[Finding], out: Outputs) -> None:
        """Events that the stages found."""
        for finding in findings:
            tenant, site, asset, parameter = self._table.identities[finding.series]
            event = Event(
                asset_id=asset,
                type=finding.type,
                tenant_id=tenant,
                site_id=site,
                parameter=None if finding.of_asset else parameter,
                timestamps=Timestamps(device_time=iso(finding.time), kafka_time=iso(finding.append)),
                details=finding.details,
            )
            series = f"{tenant}/{site}/{asset}" if finding.of_asset else f"{tenant}/{site}/{asset}/{parameter}"
            name = f"{finding.type}/{series}/{finding.time}".encode()
            out.send(
                Topic.EVENTS_CLEAN,
                self.keys[finding.series],
                _encode(event),
                finding.append // 1000,
                [(ID_HEADER, name)],
            )

    def changes(
        self, changes: list[Change], offset_of: dict[int, int], tick_offset: int, now_ms: int, out: Outputs
    ) -> None:
        """Conditions raised and cleared; `offset_of` leads from the batch's rows to offsets."""
        for change in changes:
            rule, (tenant, site, asset, parameter) = change.rule, self._table.identities[change.series]
            unit = self._table.units[change.series]
            threshold = _threshold(change)
            text = {
                "tenant": tenant, "site": site, "asset": asset, "parameter": parameter, "type": rule.type,
                "value": f"{change.value:.6g}", "threshold": "" if threshold is None else f"{threshold:.6g}",
                "unit": unit or "",
            }  # fmt: skip
            condition = Condition(
                tenant_id=tenant,
                site_id=site,
                asset_id=asset,
                rule_id=rule.rule_id,
                number=change.number,
                type=rule.type,
                severity=rule.severity,
                state="ACTIVE" if change.active else "CLEARED",
                time=iso(change.time),
                message=rule.message.format_map(text),
                evidence=Evidence(
                    self._topic,
                    self._partition,
                    offset_of.get(change.row, tick_offset),
                    rule.rule_id,
                    self.topology_version,
                ),
                parameter=parameter,
                value=change.value if isfinite(change.value) else None,
                threshold=threshold,
                unit=unit,
                latched=rule.latched,
            )
            name = f"condition/{tenant}/{site}/{asset}/{parameter}/{rule.rule_id}/{change.number}".encode()
            out.send(Topic.ALARMS_RAW, self.keys[change.series], _encode(condition), now_ms, [(ID_HEADER, name)])


def _threshold(change: Change) -> float | None:
    """The bound that the value is beyond, or the nearer one."""
    rule = change.rule
    bounds = [bound for bound in (rule.low, rule.high) if isfinite(bound)]
    if not bounds or not isfinite(change.value):
        return bounds[0] if len(bounds) == 1 else None
    return min(bounds, key=lambda bound: abs(bound - change.value))
