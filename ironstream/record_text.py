"""Records of every topic as text: decoded where they can be, else as they stand or as hex. Pure."""

from __future__ import annotations

from typing import Any, Final

import msgspec

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
