"""Times of the wire ⇄ µs since the epoch, whole columns at once (see `ironstream.domain.times` for single ones)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

MISSING: Final = np.iinfo(np.int64).min
"""Stands for a time that is not there."""
_DIGITS_AT: Final = np.array([0, 1, 2, 3, 5, 6, 8, 9, 11, 12, 14, 15, 17, 18])
_SIGNS: Final = ((4, "-"), (7, "-"), (10, "T"), (13, ":"), (16, ":"))
_LENGTHS: Final = {20: 0, 24: 3, 27: 6}
"""Lengths of the common forms …SSZ, …SS.mmmZ, …SS.ffffffZ, and how many decimals each has."""


def parse_times(values: Sequence[str | int | float | None]) -> NDArray[np.int64] | None:
    """Microseconds of a column of times, if all have the same common form; else None: parse them one by one."""
    if not values:
        return np.empty(0, np.int64)
    first = values[0]
    if first is None:
        return np.full(len(values), MISSING) if all(value is None for value in values) else None
    if not isinstance(first, str) or len(first) not in _LENGTHS:
        return None
    length = len(first)
    try:
        raw = "".join(values).encode("ascii")  # type: ignore[arg-type]  # a column of mixed types raises TypeError
    except (TypeError, UnicodeEncodeError):
        return None
    if set(map(len, values)) != {length}:  # type: ignore[arg-type]  # all are strings here
        return None
    return _from_digits(np.frombuffer(raw, np.uint8).reshape(len(values), length), _LENGTHS[length])


def _from_digits(text: NDArray[np.uint8], decimals: int) -> NDArray[np.int64] | None:
    signs = list(_SIGNS) + [(text.shape[1] - 1, "Z")] + ([(19, ".")] if decimals else [])
    if any((text[:, at] != ord(sign)).any() for at, sign in signs):
        return None
    at = np.concatenate([_DIGITS_AT, np.arange(20, 20 + decimals)])
    digits = text[:, at].astype(np.int64) - ord("0")
    if ((digits < 0) | (digits > 9)).any():
        return None
    d = digits.T
    year = d[0] * 1000 + d[1] * 100 + d[2] * 10 + d[3]
    month, day = d[4] * 10 + d[5], d[6] * 10 + d[7]
    hour, minute, second = d[8] * 10 + d[9], d[10] * 10 + d[11], d[12] * 10 + d[13]
    if ((year < 1970) | (month < 1) | (month > 12) | (day < 1) | (hour > 23) | (minute > 59) | (second > 59)).any():
        return None
    months = (year - 1970) * 12 + month - 1
    starts = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    following = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
    if (starts + day > following).any():
        return None
    fraction = np.zeros(len(text), np.int64)
    for column in range(decimals):
        fraction = fraction * 10 + d[14 + column]
    seconds = (starts + day - 1) * 86_400 + hour * 3600 + minute * 60 + second
    microseconds: NDArray[np.int64] = seconds * 1_000_000 + fraction * 10 ** (6 - decimals)
    return microseconds


def format_times(microseconds: NDArray[Any]) -> list[str]:
    """ISO-8601 with Z and microseconds for a column."""
    texts: list[str] = np.datetime_as_string(microseconds.astype("datetime64[us]"), timezone="UTC").tolist()
    return texts
