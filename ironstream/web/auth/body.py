"""The body of a request on its way to a route: no larger than it may be, and kept for the audit if it is short."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.types import Message, Receive

MOST_BYTES: Final = 1024 * 1024
TOO_LARGE: Final = f"The body is larger than {MOST_BYTES} bytes."
_AUDITED_BYTES: Final = 8 * 1024


class Body:
    """Wraps `receive`, which raises HTTPException (413) once there is more than `MOST_BYTES`."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._seen = 0
        self._kept = b""

    async def receive(self) -> Message:
        """See ASGI."""
        message = await self._receive()
        if message["type"] == "http.request":
            part = message.get("body", b"")
            self._seen += len(part)
            if self._seen > MOST_BYTES:
                raise HTTPException(413, TOO_LARGE)
            if len(self._kept) <= _AUDITED_BYTES:
                self._kept += part
        return message

    def for_audit(self) -> Any:
        """What was asked for, where it is JSON and short enough; else how long it is."""
        if not self._kept:
            return None
        if len(self._kept) > _AUDITED_BYTES:
            return f"{self._seen} bytes"
        try:
            return msgspec.json.decode(self._kept)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return f"{self._seen} bytes that are no JSON"
