"""Transitions of alarms as the alarm agent writes them."""

from __future__ import annotations

from typing import Any

import msgspec

from ironstream.contract import AlarmTransition, Evidence
from ironstream.domain.times import to_iso
from tests.support.engine import MemoryRecord, record

NOW_US = 1_700_000_000_000_000


def transition(
    number: int, state: str, previous: str | None, occurrence: str = "one", age_s: float = 0, **fields: Any
) -> AlarmTransition:
    """Transition `number` of an occurrence, `age_s` before `NOW_US`."""
    time = to_iso(NOW_US - int(age_s * 1e6))
    given: dict[str, Any] = {
        "alarm_id": "acme/north/pump-1/overheat/rule:hot/temperature",
        "occurrence_id": occurrence,
        "transition": number,
        "tenant_id": "acme",
        "site_id": "north",
        "asset_id": "pump-1",
        "parameter": "temperature",
        "type": "overheat",
        "severity": "HIGH",
        "state": state,
        "previous_state": previous,
        "raised_at": time,
        "acked_at": None,
        "acked_by": None,
        "cleared_at": None,
        "time": time,
        "message": "temperature 93 degC is above 90",
        "value": 93.0,
        "threshold": 90.0,
        "unit": "degC",
        "actor": None,
        "comment": None,
        "reason": None,
        "until": None,
        "count": 1,
        "evidence": Evidence("telemetry.clean", 3, 17, "hot", 2),
    }
    return AlarmTransition(**given | fields)


def alarm_record(offset: int, one: AlarmTransition) -> MemoryRecord:
    """The record of a transition on alarms.clean."""
    headers = [("ironstream-id", f"{one.occurrence_id}/{one.transition}".encode())]
    return record(offset, b"acme/north/pump-1", msgspec.json.encode(one), NOW_US // 1000, headers)
