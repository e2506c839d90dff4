"""A call as the body of a request to PagerDuty's Events API v2. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

import msgspec

from ironstream.contract import AlarmTransition, Severity
from ironstream.sinks.pagerduty.config import PLACE, Link
from ironstream.sinks.pagerduty.transitions import Action, Call

DEDUP_KEY_MAX: Final = 255
SUMMARY_MAX: Final = 1024
_TEXT_MAX: Final = 4000
"""An event may have 512 KB in all; a comment that is longer than this is not read on a phone."""
_SEVERITIES: Final = {
    Severity.CRITICAL: "critical",
    Severity.HIGH: "error",
    Severity.MEDIUM: "warning",
    Severity.LOW: "info",
    Severity.INFO: "info",
}
_DETAILS: Final = (
    "alarm_id", "occurrence_id", "transition", "state", "previous_state", "severity", "tenant_id", "site_id",
    "asset_id", "parameter", "type", "value", "threshold", "unit", "raised_at", "time", "count", "message", "actor",
    "comment", "reason",
)  # fmt: skip


def dedup_key(occurrence_id: str) -> str:
    """The key that makes all calls of an occurrence one alert; a hash of ids that are too long for one."""
    if len(occurrence_id) <= DEDUP_KEY_MAX:
        return occurrence_id
    return hashlib.sha256(occurrence_id.encode()).hexdigest()


def event(call: Call, routing_key: str, links: Sequence[Link]) -> bytes:
    """Body of the request."""
    body: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": call.action.value,
        "dedup_key": dedup_key(call.entry.transition.occurrence_id),
    }
    if call.action is Action.TRIGGER:
        body |= {"client": "ironstream", "payload": _payload(call)}
        if links:
            body["links"] = [_link(link, call.entry.transition) for link in links]
    return msgspec.json.encode(body)


def _payload(call: Call) -> dict[str, Any]:
    one = call.entry.transition
    payload = {
        "summary": _cut(f"{one.asset_id}: {one.message or one.type}", SUMMARY_MAX),
        "source": f"{one.tenant_id}/{one.site_id}/{one.asset_id}",
        "severity": _SEVERITIES[call.entry.severity],
        "timestamp": one.time,
        "component": one.parameter or one.asset_id,
        "group": one.site_id,
        "class": _cut(one.type, SUMMARY_MAX),
    }
    details = {name: getattr(one, name) for name in _DETAILS}
    known = {
        name: _cut(value, _TEXT_MAX) if isinstance(value, str) else value
        for name, value in details.items()
        if value is not None
    }
    return payload | {"custom_details": known | {"evidence": msgspec.to_builtins(one.evidence)}}


def _link(link: Link, one: AlarmTransition) -> dict[str, str]:
    href = PLACE.sub(lambda place: quote(str(getattr(one, place[1]) or ""), safe=""), link.href)
    return {"href": href, "text": link.text}


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
