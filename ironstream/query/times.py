"""Times as a person gives them: `now`, `-15m`, `-2d`, `2025-01-10`, ISO-8601 with or without an offset."""

from __future__ import annotations

import re
from datetime import datetime, tzinfo
from typing import Final

from ironstream.domain.times import EPOCH, MAX_US, MICROSECOND
from ironstream.errors import ConfigurationError

_RELATIVE: Final = re.compile(r"-(\d{1,9})(s|m|min|h|d|w)")
_UNITS_US: Final = {
    "s": 1_000_000, "m": 60_000_000, "min": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000,
    "w": 604_800_000_000,
}  # fmt: skip


def parse_time(text: str, now_us: int, zone: tzinfo | None = None) -> int:
    """The time in µs since the epoch; without an offset it is of `zone` (None: of this machine).

    Raises ConfigurationError.
    """
    if text == "now":
        return now_us
    if relative := _RELATIVE.fullmatch(text):
        return max(0, now_us - int(relative[1]) * _UNITS_US[relative[2]])
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is None:
            time = time.replace(tzinfo=zone) if zone is not None else time.astimezone()
        us = (time - EPOCH) // MICROSECOND
    except (ValueError, OverflowError, OSError):
        us = -1
    if not 0 <= us <= MAX_US:
        raise ConfigurationError(
            f"{text[:60]!r} is no time.", "Write now, -15m, -2h, -7d, 2025-01-10, or 2025-01-10T12:00:00Z."
        )
    return us


def parse_range(first: str, end: str, now_us: int, zone: tzinfo | None = None) -> tuple[int, int]:
    """Begin and end in µs since the epoch. Raises ConfigurationError, also where the end is not after the begin."""
    first_us, end_us = parse_time(first, now_us, zone), parse_time(end, now_us, zone)
    if end_us <= first_us:
        raise ConfigurationError(f"--to {end} is not after --from {first}.", "Give a later --to.")
    return first_us, end_us
