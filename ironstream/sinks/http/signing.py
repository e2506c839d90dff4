"""Signature of a body: `X-Ironstream-Signature: t=<unix s>,v1=<hex>[,v1=<hex>]`. Pure.

Each `v1` is HMAC-SHA256, with one of the keys, over `<t>.` and the JSON that is sent, before its compression:
frameworks and proxies that inflate a request leave it what it was. How to check it is in README.md beside this module.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Sequence
from typing import Final

HEADER: Final = "X-Ironstream-Signature"


def signature(keys: Sequence[bytes], unix_s: int, body: bytes) -> str:
    """Value of the header; one `v1` for each key, so that a receiver knows the old or the new one."""
    signed = b"%d.%b" % (unix_s, body)
    parts = [f"v1={hmac.new(key, signed, hashlib.sha256).hexdigest()}" for key in keys]
    return ",".join([f"t={unix_s}", *parts])


def idempotency_key(topic: str, ids: Iterable[str]) -> str:
    """Value of the header Idempotency-Key: the same for the same records in the same order, whenever they are sent."""
    digest = hashlib.sha256(topic.encode())
    for one in ids:
        wire = one.encode()
        digest.update(b"%d:" % len(wire) + wire)
    return digest.hexdigest()
