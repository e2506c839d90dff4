"""Records of every topic as a person reads them: decoded where they can be, else as text or hex."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ironstream.commands.output import clock
from ironstream.contract import Topic

HEX_LIMIT: Final = 4096


def value_of(raw: bytes | None) -> Any:
    """A record's value: JSON decoded, else text, else `hex:…`; None for a deletion."""
    if raw is None:
        return None
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return text_of(raw)


def text_of(raw: bytes | None) -> str | None:
    """Bytes as text where they are printable UTF-8, else as `hex:…`."""
    if raw is None:
        return None
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return "hex:" + raw[:HEX_LIMIT].hex(" ") + (" …" if len(raw) > HEX_LIMIT else "")
    return (
        text if all(sign.isprintable() or sign in "\n\t\r" for sign in text) else text.encode("unicode_escape").decode()
    )


def headers_of(record: Any) -> dict[str, str | None]:
    """Headers of a record as text; of several with one name the last."""
    return {name: text_of(value) for name, value in record.headers}


def as_json(topic: str, record: Any) -> dict[str, Any]:
    """A record for programs. `timestamp_ms` is Kafka's."""
    return {
        "topic": topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp_ms": record.timestamp,
        "key": text_of(record.key),
        "headers": headers_of(record),
        "value": value_of(record.value),
    }


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
