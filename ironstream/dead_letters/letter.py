"""What a dead letter says of itself. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

from ironstream.contract import IDENTITY_PART
from ironstream.dlq import SINK_HEADER
from ironstream.record_text import headers_of


def reason_of(record: Any) -> tuple[str, str, str | None]:
    """Why it was refused, in a word and in detail, and by which sink if by one."""
    headers = headers_of(record)
    return headers.get("dlq-reason") or "unknown", headers.get("dlq-detail") or "", headers.get(SINK_HEADER)


def tenants_of(record: Any) -> frozenset[str] | None:
    """The tenants whose it is, by its key and by what it says; None where that cannot be told: what cannot be read, or
    has several readings, may be another's than the key says.
    """
    parts = (record.key or b"").decode("utf-8", "replace").split("/")
    if len(parts) != 3 or not all(map(IDENTITY_PART.fullmatch, parts)):
        return None
    try:
        said = msgspec.json.decode(record.value or b"null")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(said, dict) or "readings" in said:
        return None
    named = said.get("tenant_id")
    return frozenset({parts[0], named}) if isinstance(named, str) else frozenset({parts[0]})
