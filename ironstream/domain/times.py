"""Times of the wire to µs since the epoch (UTC) and back. Pure: no clock is read here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MAX_US: Final = 253_402_300_799_999_999
"""The last µs of the year 9999, the end of ISO-8601's four-digit years."""
MICROSECOND: Final = timedelta(microseconds=1)
MILLISECONDS_FROM: Final = 100_000_000_000
"""An integer epoch at or above this is in ms, below it in s."""


def to_us(value: str | int | float) -> int:
    """Time of the wire in µs since the epoch: ISO-8601 with offset, or epoch (ms when ≥ 1e11, else s).

    Digits beyond the µs are cut off. Raises ValueError, which says what is wrong, for anything else: text without an
    offset, not a number, or a time outside 1970 … 9999.
    """
    if isinstance(value, str):
        us = _iso_to_us(value)
    elif isinstance(value, bool) or value != value:
        raise ValueError(f"{value} is not a time: give ISO-8601 with offset, or the epoch in s or ms")
    else:
        scale = 1_000 if value >= MILLISECONDS_FROM else 1_000_000
        if abs(value) > MAX_US:  # also keeps the infinities away from int()
            raise ValueError("the number is outside the years 1970 to 9999")
        us = round(value * scale)
    if not 0 <= us <= MAX_US:
        raise ValueError(f"{str(value)[:40]} is outside the years 1970 to 9999")
    return us


def _iso_to_us(text: str) -> int:
    try:
        time = datetime.fromisoformat(text)
    except ValueError as err:
        raise ValueError(f"{text[:40]!r} is not ISO-8601") from err
    if time.tzinfo is None:
        raise ValueError(f"{text[:40]!r} has no offset: add Z or +hh:mm")
    # aware datetimes subtract without passing through UTC, so years 1 and 9999 cannot overflow here
    return (time - EPOCH) // MICROSECOND


def to_iso(us: int) -> str:
    """ISO-8601 in UTC with "Z": to the ms, or to the µs where the time has any. `us` lies in 0 … `MAX_US`."""
    time = EPOCH + timedelta(microseconds=us)
    text = time.isoformat(timespec="microseconds" if us % 1000 else "milliseconds")
    return text.removesuffix("+00:00") + "Z"
