"""A lease as an object of a bucket."""

from __future__ import annotations

import time
import uuid
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, Protocol

from ironstream.sinks.s3_parquet.store import GoneError, LeaseLostError
from ironstream.sinks.sink import SinkUnavailableError

LEASE_S: Final = 900.0
"""A lease that was not renewed this long belongs to a dead process."""


class Objects(Protocol):
    """What it asks of the bucket."""

    async def put(self, path: str, body: bytes, **conditions: str) -> str | None:
        """Put an object: its ETag, None where the conditions do not hold."""

    async def head(self, path: str) -> Any:
        """What the store says of an object. Raises GoneError."""

    async def delete(self, path: str) -> None:
        """Remove an object."""


class ObjectLease:
    """An object with the name of its holder, put only where none is, or in the place of one that was not renewed."""

    def __init__(self, store: Objects, path: str) -> None:
        self._store = store
        self._path = path
        self._body = uuid.uuid4().hex.encode()
        self._etag = ""
        self._renewed_s = 0.0

    async def take(self) -> None:
        """Raises SinkUnavailableError while another process has it."""
        etag = await self._store.put(self._path, self._body, IfNoneMatch="*")
        if etag is None:
            try:
                found = await self._store.head(self._path)
            except GoneError:
                found = None
            # both by the store's clock
            headers = found["ResponseMetadata"]["HTTPHeaders"] if found else {}
            age_s = seconds_between(found["LastModified"], headers.get("date")) if found else 0.0
            if found and age_s > LEASE_S:
                etag = await self._store.put(self._path, self._body, IfMatch=found["ETag"])
        if etag is None:
            raise SinkUnavailableError(
                f"{self._path} is held by another process",
                f"wait until it is done; one that died is passed over {LEASE_S / 60:.0f} minutes after its last step",
            )
        self._etag, self._renewed_s = etag, time.monotonic()

    async def renew(self) -> None:
        """Every few minutes; a step must not take longer than a lease lasts."""
        if time.monotonic() - self._renewed_s < LEASE_S / 10:
            return
        etag = await self._store.put(self._path, self._body, IfMatch=self._etag)
        if etag is None:
            raise LeaseLostError(f"{self._path} was taken over by another process", "start again when it is done")
        self._etag, self._renewed_s = etag, time.monotonic()

    async def let_go(self) -> None:
        """Only what is still ours."""
        try:
            if (await self._store.head(self._path))["ETag"] == self._etag:
                await self._store.delete(self._path)
        except GoneError:
            pass


def seconds_between(modified: datetime, date: str | None) -> float:
    """From when an object was put to when the store answered (its header Date), in s."""
    now = parsedate_to_datetime(date) if date else modified
    return float((now - modified).total_seconds())
