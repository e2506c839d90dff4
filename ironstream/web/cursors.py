"""Cursors of lists: where the next page begins, opaque to whoever asks."""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import TypeVar

import msgspec

from ironstream.web.problems import ApiError

T = TypeVar("T")


def write_cursor(place: object) -> str:
    """The cursor of a place."""
    return urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def read_cursor(cursor: str, kind: type[T]) -> T:
    """The place that a cursor names. Raises ApiError (400) for what is no cursor of this list."""
    try:
        return msgspec.json.decode(urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)), type=kind)
    except (binascii.Error, ValueError, msgspec.DecodeError) as error:
        raise ApiError(
            400, "The cursor is none of this list.", "Take `next` of the answer before, as it stands."
        ) from error
