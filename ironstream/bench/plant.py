"""The plant of the benchmarks: its topology, its readings, and what a worker must make of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from aiokafka.partitioner import murmur2
from numpy.typing import NDArray

from ironstream.contract import asset_key
from ironstream.domain.times import to_iso

TENANT: Final = "acme"
SITE: Final = "bench"
WINDOWS_S: Final = (1, 10, 60, 3600)
ALARM_ABOVE: Final = 69.0
ALARM_DEADBAND: Final = 4.0
_PER_ASSET: Final = 10
_SWING_S: Final = 60.0
SKEW_US: Final = 3_000

Row = tuple[bytes, bytes]
"""Key and value of a record."""


@dataclass(frozen=True)
class Plant:
    """`series` series in machines of ten parameters each, every one read `hz` times a second.

    Values swing between 30 and 70 once a minute, each series in a phase of its own, with a little noise: no reading is
    out of range, too fast or stuck, and the alarm condition of a series comes and goes about once a minute. All of it
    is a pure function of the fields. `boot` names the run of the adapter, `start_us` (whole hours) the first reading.
    """

    series: int
    hz: float
    start_us: int
    boot: str = "bench-1"
    slowest_hz: float | None = None

    @property
    def assets(self) -> int:
        """Number of machines; the last one may have fewer parameters."""
        return -(-self.series // _PER_ASSET)

    def asset(self, number: int) -> str:
        """Name of a machine."""
        return f"machine-{number:05d}"

    def key(self, asset: int) -> bytes:
        """Kafka key of a machine."""
        return asset_key(TENANT, SITE, self.asset(asset))

    def assets_of(self, partitions: int) -> list[list[int]]:
        """Machines by partition, as Kafka's default partitioner places them."""
        placed: list[list[int]] = [[] for _ in range(partitions)]
        for asset in range(self.assets):
            placed[(murmur2(self.key(asset)) & 0x7FFFFFFF) % partitions].append(asset)
        return placed

    def topology(self) -> str:
        """topology.yaml: every series declared, every check on, all window sizes, one alarm condition each."""
        interval_s = 1.0 / (self.slowest_hz or self.hz)
        checks = (
            f"unit: bar, expected_interval_s: {interval_s:.6g}, range: {{min: 0, max: 100}}, "
            f"max_rate: {10 * self.hz + 10:.6g}, max_step: 45, stuck_after_s: {max(60.0, 3 * interval_s):.6g}, "
            f"windows_s: {list(WINDOWS_S)}"
        )
        parameters = "".join(f"      - {{name: p{n}, {checks}}}\n" for n in range(min(_PER_ASSET, self.series)))
        assets = "".join(
            f"  - {{id: {self.asset(n)}, tenant: {TENANT}, site: {SITE}, machine_type: machine}}\n"
            for n in range(self.assets)
        )
        return (
            "version: 1\n"
            f"windows:\n{_WINDOWS}"
            f"tenants:\n  - {{id: {TENANT}}}\n"
            f"sites:\n  - {{id: {SITE}, tenant: {TENANT}}}\n"
            f"machine_types:\n  - id: machine\n    parameters:\n{parameters}"
            f"assets:\n{assets}"
            "alarms:\n"
            "  - id: too-high\n    type: high\n    severity: HIGH\n"
            f"    condition: {{above: {ALARM_ABOVE}, deadband: {ALARM_DEADBAND}}}\n"
        )

    def values(self, steps: int) -> NDArray[np.float64]:
        """Values of all series at the first `steps` steps, (steps, series); the same first steps for any number."""
        at = np.arange(steps)[:, None]
        number = np.arange(self.series)[None, :]
        phase = self._phase[None, :]
        # An integer hash for noise: no generator, whose values would depend on how they were asked for.
        mixed = (at.astype(np.uint64) * np.uint64(2654435761) + number.astype(np.uint64) * np.uint64(40503)) & _MASK
        mixed = ((mixed ^ (mixed >> np.uint64(15))) * np.uint64(2246822519)) & _MASK
        noise = mixed.astype(np.float64) / 2.0**32 - 0.5
        swing = np.sin(2 * np.pi * (at / (self.hz * _SWING_S) + phase))
        return np.asarray(np.round(50 + 20 * swing + noise, 4), np.float64)

    def asset_of(self, series: int) -> int:
        """Machine that a series belongs to."""
        return series // _PER_ASSET

    @cached_property
    def _phase(self) -> NDArray[np.float64]:
        return np.asarray(np.arange(self.series) * 0.6180339887498949 % 1.0, np.float64)

    def times_us(self, step: int) -> NDArray[np.int64]:
        """Device time of each machine's readings at a step: each machine is polled at a moment of its own."""
        interval_us = 1e6 / self.hz
        offsets = (np.arange(self.assets) * 0.7548776662466927 % 1.0 * min(interval_us, 1e6) // 1000 * 1000).astype(int)
        times: NDArray[np.int64] = self.start_us + round(step * interval_us) + offsets
        return times

    def rows(self, assets: list[int], steps: range, values: NDArray[np.float64]) -> Iterator[Row]:
        """Readings of some machines at some steps, in the order of time; `values` are those of all steps up to there.

        The JSON of SPEC's contract, about 370 bytes each.
        """
        templates = [self._templates(asset) for asset in assets]
        keys = [self.key(asset) for asset in assets]
        for step in steps:
            row = values[step].tolist()
            times = self.times_us(step)[assets].tolist()
            for key, (first, parts), time_us in zip(keys, templates, times, strict=True):
                stamps = _stamps(time_us)
                for place, (head, middle, tail) in enumerate(parts, start=first):
                    yield key, f"{head}{row[place]}{middle}{stamps}{tail}{step + 1}}}}}".encode()

    def row(self, series: int, step: int, value: float, time_us: int) -> Row:
        """One reading of one series."""
        asset = series // _PER_ASSET
        head, middle, tail = self._templates(asset)[1][series % _PER_ASSET]
        return self.key(asset), f"{head}{value}{middle}{_stamps(time_us)}{tail}{step + 1}}}}}".encode()

    def block(self, series: range, step: int, values: list[float], time_us: int) -> Iterator[tuple[int, list[Row]]]:
        """Readings of some series at one step, all made at the same moment: each machine's number and its rows.

        `values` are those of all series at this step. Much cheaper than `row` for each.
        """
        stamps, at = _stamps(time_us), series.start
        while at < series.stop:
            asset = at // _PER_ASSET
            key = self.key(asset)
            first, parts = self._templates(asset)
            some = parts[at - first : series.stop - first]
            yield (
                asset,
                [
                    (key, f"{head}{values[place]}{middle}{stamps}{tail}{step + 1}}}}}".encode())
                    for place, (head, middle, tail) in enumerate(some, start=at)
                ],
            )
            at += len(some)

    def series_of(self, asset: int) -> range:
        """The series of a machine."""
        return range(asset * _PER_ASSET, min((asset + 1) * _PER_ASSET, self.series))

    def _templates(self, asset: int) -> tuple[int, list[tuple[str, str, str]]]:
        """Number of the machine's first series, and what stands around value, times and seq for each of its series."""
        if (known := self._known_templates.get(asset)) is not None:
            return known
        name, first = self.asset(asset), asset * _PER_ASSET
        parts = []
        for series in range(first, min(first + _PER_ASSET, self.series)):
            parts.append(
                (
                    f'{{"schema_version":1,"tenant_id":"{TENANT}","site_id":"{SITE}","asset_id":"{name}",'
                    f'"parameter":"p{series - first}","value":',
                    ',"unit":"bar","quality":"GOOD","classification":"TELEMETRY","timestamps":',
                    f',"metadata":{{"pipeline_id":"{name}","adapter_id":"bench","adapter_version":"0.1.0",'
                    f'"hostname":"gateway-1","boot":"{self.boot}","seq":',
                )
            )
        self._known_templates[asset] = first, parts
        return first, parts

    @cached_property
    def _known_templates(self) -> dict[int, tuple[int, list[tuple[str, str, str]]]]:
        return {}

    def expected_windows(self, size_s: int, steps: int) -> int:
        """How many windows of a size the first `steps` steps make, over all series."""
        starts = np.stack([self.times_us(step) // (size_s * 1_000_000) for step in range(steps)])
        per_asset = 1 + (np.diff(starts, axis=0) > 0).sum(axis=0)
        of_series = np.arange(self.series) // _PER_ASSET
        return int(per_asset[of_series].sum())

    def expected_changes(self, values: NDArray[np.float64]) -> int:
        """How often the alarm conditions are raised or cleared by the readings with these values."""
        active = np.zeros(self.series, bool)
        changes = 0
        for row in values:
            now = np.where(active, row > ALARM_ABOVE - ALARM_DEADBAND, row > ALARM_ABOVE)
            changes += int((now != active).sum())
            active = now
        return changes


_MASK: Final = np.uint64(0xFFFFFFFF)
_WINDOWS: Final = (
    "  - {size_s: 1, grace_s: 2, late_retention_s: 3600}\n"
    "  - {size_s: 10, grace_s: 5, late_retention_s: 21600}\n"
    "  - {size_s: 60, grace_s: 10, late_retention_s: 172800}\n"
    "  - {size_s: 3600, grace_s: 60, late_retention_s: 1209600}\n"
)


def _stamps(device_us: int) -> str:
    return f'{{"device_time":"{to_iso(device_us)}","gateway_time":"{to_iso(device_us + SKEW_US)}"}}'
