"""Records of every topic on one line, for people."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ironstream.commands.output import clock
from ironstream.contract import Topic
from ironstream.record_text import headers_of, text_of, value_of


def summary(topic: str, record: Any) -> str:
    """A record on one line, for people."""
    value = value_of(record.value)
    head = f"{clock(record.timestamp)}  {text_of(record.key) or '-'}  "
    if topic.startswith("dlq."):
        headers = headers_of(record)
        shown = text_of(record.value) or ""
        return f"{head}{headers.get('dlq-reason')}: {headers.get('dlq-detail')}  {shown[:120]}"
    if isinstance(value, dict):
        for fits, form in _FORMS:
            if fits(topic, value):
                return head + form(value)
    return head + msgspec.json.encode(value).decode()


def _reading(value: dict[str, Any]) -> str:
    number = value.get("value")
    shown = f"{number:.6g}" if isinstance(number, int | float) else str(number)
    reasons = ", ".join(value.get("quality_reasons", ()))
    tail = f"  {value.get('quality') or ''} {reasons}".rstrip()
    return f"{value.get('parameter')} {shown} {value.get('unit') or ''}".rstrip() + tail


def _aggregate(value: dict[str, Any]) -> str:
    of = value["aggregates"]
    numbers = "  ".join(f"{name} {_number(of.get(name))}" for name in ("avg", "min", "max", "count", "p95"))
    good = value.get("quality_summary", {}).get("pct_good")
    return f"{value.get('parameter')} {value.get('unit') or ''}  {value.get('window_start')}  {numbers}  good {good} %"


def _alarm(value: dict[str, Any]) -> str:
    by = f" by {value['actor']}" if value.get("actor") else ""
    before = value.get("previous_state") or "-"
    return f"{value.get('severity')} {value.get('type')}: {before} → {value.get('state')}{by}  {value.get('message')}"


def _event(value: dict[str, Any]) -> str:
    parts = [str(value.get("parameter") or ""), str(value.get("type"))]
    if "from" in value or "to" in value:
        parts.append(f"{value.get('from')} → {value.get('to')}")
    if value.get("value") is not None:
        parts.append(str(value["value"]))
    parts += [f"{name} {detail}" for name, detail in (value.get("details") or {}).items()]
    return "  ".join(part for part in parts if part)


def _number(number: Any) -> str:
    return f"{number:.6g}" if isinstance(number, int | float) else "-"


_FORMS: Final = (
    (lambda topic, value: "aggregates" in value, _aggregate),
    (lambda topic, value: topic in (Topic.TELEMETRY_RAW, Topic.TELEMETRY_CLEAN) and "parameter" in value, _reading),
    (lambda topic, value: topic == Topic.ALARMS_CLEAN, _alarm),
    (lambda topic, value: topic in (Topic.EVENTS_RAW, Topic.EVENTS_CLEAN) and "type" in value, _event),
)
