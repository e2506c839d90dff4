"""Records of telemetry.raw to readings: JSON of the contract, the flat payload of a machine, or neither."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import isinf, isnan, nan
from typing import Any, Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_US: Final = 253_402_300_799_999_999
NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_TEXTS: Final = ("tenant_id", "site_id", "unit", "quality", "classification", "site_name", "machine_type",
                 "canonical_name")  # fmt: skip
_INTEGERS: Final = ("schema_version", "clock_skew_ms", "topology_version")
_TIMES: Final = ("device_time", "gateway_time", "kafka_time")
_OF_METADATA: Final = ("pipeline_id", "adapter_id", "adapter_version", "hostname", "boot")
_KNOWN: Final = {"asset_id", "parameter", "value", "timestamps", "metadata", "quality_reasons", *_TEXTS, *_INTEGERS}


class Malformed(Exception):
    """The record, or one reading of it, is not what the contract says."""


@dataclass(frozen=True)
class Reading:
    """One reading as it was sent; times in µs, `value` NaN for null.

    `part` names it among those of one record; `extra` holds the fields that the contract does not know.
    """

    asset: str
    parameter: str
    value: float
    is_null: bool
    unit: str | None
    quality: str | None
    device: int | None
    gateway: int | None
    boot: str | None = None
    seq: int = 0
    part: str = ""
    extra: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def series(self) -> str:
        """`tenant/site/asset/parameter`"""
        return f"{self.asset}/{self.parameter}"


@dataclass
class Parsed:
    """Readings of a record, whether one of them was malformed, and the machine's status if it tells one."""

    readings: list[Reading] = field(default_factory=list)
    malformed: bool = False
    status: dict[str, Any] | None = None


def parse(value: bytes | None) -> Parsed:
    """What a record says."""
    parsed = Parsed()
    try:
        body = strict_json(value)
        bodies, parsed.status = _flat(body) if "machine_id" in body and "asset_id" not in body else ([(body, "")], None)
        for one, _ in bodies:
            _check_types(one)
    except Malformed:
        return Parsed(malformed=True)
    for one, part in bodies:
        try:
            parsed.readings.append(_reading(one, part if len(bodies) > 1 else ""))
        except Malformed:
            parsed.malformed = True
    return parsed


def strict_json(value: bytes | None) -> dict[str, Any]:
    """A JSON object in UTF-8 without byte order mark, of finite numbers and whole characters. Raises Malformed."""
    try:
        text = (value or b"").decode("utf-8")
        body = json.loads(text, parse_constant=_no_number, parse_float=_finite)
        json.dumps(body, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as err:
        raise Malformed(str(err)) from err
    if not isinstance(body, dict):
        raise Malformed("not an object")
    return body


def _no_number(text: str) -> float:
    raise Malformed(text)


def _finite(text: str) -> float:
    number = float(text)
    if isinf(number) or isnan(number):
        raise Malformed(text)
    return number


def _flat(body: dict[str, Any]) -> tuple[list[tuple[dict[str, Any], str]], dict[str, Any] | None]:
    metrics = body.get("metrics")
    if not isinstance(metrics, dict) or "ts" not in body:
        raise Malformed("metrics and ts are required")
    names = {name: body[name] for name in ("tenant_id", "site_id") if body.get(name) is not None}
    status = None
    if body.get("status") is not None:
        status = names | {"machine_id": body["machine_id"], "ts": body["ts"], "status": body["status"]}
    if not metrics and status is None:
        raise Malformed("says nothing")
    own = ("tenant_id", "site_id", "machine_id", "ts", "status", "metrics", "schema_version")
    common = {name: one for name, one in body.items() if name not in own} | names
    common |= {"asset_id": body["machine_id"], "timestamps": {"device_time": body["ts"]}}
    return [(common | {"parameter": name, "value": value}, name) for name, value in metrics.items()], status


def _check_types(body: dict[str, Any]) -> None:
    for name in ("asset_id", "parameter"):
        if not isinstance(body.get(name), str):
            raise Malformed(name)
    if "value" not in body or not (body["value"] is None or isinstance(body["value"], bool | int | float)):
        raise Malformed("value")
    for name in _TEXTS:
        if not isinstance(body.get(name), str | None):
            raise Malformed(name)
    for name in _INTEGERS:
        if isinstance(body.get(name), bool) or not isinstance(body.get(name), int | None):
            raise Malformed(name)
    if body.get("schema_version") not in (None, 0, 1):
        raise Malformed("schema_version")
    stamps, metadata = body.get("timestamps"), body.get("metadata")
    if not isinstance(stamps, dict) or not isinstance(metadata, dict | None):
        raise Malformed("timestamps, metadata")
    for name in _TIMES:
        if isinstance(stamps.get(name), bool) or not isinstance(stamps.get(name), str | int | float | None):
            raise Malformed(name)
    for name in _OF_METADATA:
        if not isinstance((metadata or {}).get(name), str | None):
            raise Malformed(name)
    seq = (metadata or {}).get("seq")
    if isinstance(seq, bool) or not isinstance(seq, int | None):
        raise Malformed("seq")


def _reading(body: dict[str, Any], part: str) -> Reading:
    names = (body.get("tenant_id") or "default", body.get("site_id") or "default", body["asset_id"], body["parameter"])
    if not all(NAME.fullmatch(name) for name in names):
        raise Malformed("name")
    stamps, metadata = body["timestamps"], body.get("metadata") or {}
    device, gateway = microseconds(stamps.get("device_time")), microseconds(stamps.get("gateway_time"))
    if device is None and gateway is None:
        raise Malformed("no time")
    try:
        value = nan if body["value"] is None else float(body["value"])
    except OverflowError as err:
        raise Malformed("value") from err
    return Reading(
        "/".join(names[:3]), names[3], value, body["value"] is None, body.get("unit"), body.get("quality"),
        device, gateway, metadata.get("boot"), metadata.get("seq") or 0, part,
        {name: one for name, one in body.items() if name not in _KNOWN}, metadata,
    )  # fmt: skip


def microseconds(time: str | int | float | None) -> int | None:
    """A time of the wire in µs since the epoch. Raises Malformed."""
    if time is None:
        return None
    if isinstance(time, str):
        try:
            moment = datetime.fromisoformat(time)
        except ValueError as err:
            raise Malformed(time) from err
        if moment.tzinfo is None:
            raise Malformed(time)
        us = (moment - _EPOCH) // timedelta(microseconds=1)
    else:
        us = round(time * (1_000 if time >= 1e11 else 1_000_000))
    if not 0 <= us <= _LAST_US:
        raise Malformed("outside the years 1970 to 9999")
    return us


def us_of(text: str) -> int:
    """ISO-8601 as µs since the epoch."""
    us = microseconds(text)
    assert us is not None
    return us
