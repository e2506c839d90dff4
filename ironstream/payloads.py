"""Older shapes of a reading, mapped forward to the contract: a table of small functions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ironstream.errors import DecodeError


@dataclass(frozen=True, slots=True)
class Forwarded:
    """Readings (as the contract has them, with a name each), and the machine's status where the payload has one."""

    readings: list[tuple[dict[str, Any], str]]
    status: dict[str, Any] | None = None


def _is_flat_machine(raw: dict[str, Any]) -> bool:
    return "machine_id" in raw and "asset_id" not in raw


def _flat_machine(raw: dict[str, Any]) -> Forwarded:
    """`tenant_id, site_id, machine_id, ts, status, metrics{…}, schema_version`: one reading per metric."""
    metrics = raw.get("metrics")
    if not isinstance(metrics, dict):
        raise DecodeError("metrics", "a payload with machine_id needs metrics, an object of numbers by name")
    if "ts" not in raw:
        raise DecodeError("ts", "a payload with machine_id needs ts, the time in epoch seconds or ISO-8601")
    identity = {name: raw[name] for name in ("tenant_id", "site_id") if raw.get(name) is not None}
    common = {**identity, "asset_id": raw["machine_id"], "timestamps": {"device_time": raw["ts"]}}
    used = {"tenant_id", "site_id", "machine_id", "ts", "status", "metrics", "schema_version"}
    unknown = {name: value for name, value in raw.items() if name not in used}
    status = None
    if raw.get("status") is not None:
        status = {**identity, "machine_id": raw["machine_id"], "ts": raw["ts"], "status": raw["status"]}
    if not metrics and status is None:
        raise DecodeError("metrics", "empty, and there is no status: the payload says nothing")
    readings = [({**unknown, **common, "parameter": name, "value": value}, name) for name, value in metrics.items()]
    return Forwarded(readings, status)


_SHAPES: Final[list[tuple[Callable[[dict[str, Any]], bool], Callable[[dict[str, Any]], Forwarded]]]] = [
    (_is_flat_machine, _flat_machine),
]


def forward(raw: dict[str, Any]) -> Forwarded:
    """The readings of a payload of any known shape. Raises DecodeError where a known shape lacks something."""
    for fits, mapping in _SHAPES:
        if fits(raw):
            return mapping(raw)
    return Forwarded([(raw, "")])
