"""Which health rules a canary breaks. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import Final

from ironstream.topology.model import Canary

LEAST: Final = 20
"""Fewer readings than this say nothing yet while the watch goes on."""
_DEVIATIONS: Final = 2.0
_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Health:
    """What came of the assets of a canary in some time.

    `refused` and `bad` count readings by reason; both are among `readings`. `series` is how many were heard in the time
    before and not silent at its end, `silent` which of these are silent now, `spoiled` which of the others have most of
    their readings refused. `is_late`: the workers are behind by more than the limit.
    """

    readings: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)
    bad: Mapping[str, int] = field(default_factory=dict)
    series: int = 0
    silent: tuple[str, ...] = ()
    spoiled: tuple[str, ...] = ()
    is_late: bool = False


def judge(before: Health, since: Health, limits: Canary, *, is_over: bool = False) -> list[str]:
    """The rules that are broken, each as a sentence with its figures; none where it was as bad before.

    While the watch goes on, shares are judged from `LEAST` readings on, and what may be chance is waited for; when it
    `is_over`, by whatever has come.
    """
    return list(_broken(before, since, limits, is_over))


def _broken(before: Health, since: Health, limits: Canary, is_over: bool) -> Iterator[str]:
    if since.readings >= (1 if is_over else LEAST):
        shares = (
            ("refused", before.refused, since.refused, limits.max_error_share),
            ("BAD", before.bad, since.bad, limits.max_bad_share),
        )
        for what, was, now, limit in shares:
            former, share = _share(was, before.readings), _share(now, since.readings)
            surely = share if is_over else _at_least(share, since.readings)
            if surely - former > limit:
                yield (
                    f"{_percent(share)} of {since.readings} readings are {what} ({_reasons(now)}), "
                    f"{_percent(former)} of {before.readings} were before"
                )
    if (since.silent or since.spoiled) and (
        len(since.silent) + len(since.spoiled) > limits.max_silent_share * since.series
    ):
        if since.silent:
            yield f"{len(since.silent)} of {since.series} series have fallen silent ({_first(since.silent)})"
        if since.spoiled:
            yield (
                f"{len(since.spoiled)} of {since.series} series have most of their readings refused "
                f"({_first(since.spoiled)})"
            )
    if since.is_late and not before.is_late:
        yield f"the workers are more than {limits.max_lag_s:g} s behind, and were not before"


def _share(counts: Mapping[str, int], readings: int) -> float:
    return sum(counts.values()) / readings if readings else 0.0


def _at_least(share: float, count: int) -> float:
    """What a share is at least that was seen among so many (Wilson's lower bound)."""
    spread = _DEVIATIONS**2 / count
    return (share + spread / 2 - sqrt(spread * (share * (1 - share) + spread / 4))) / (1 + spread)


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + ", …" * (len(names) > _NAMED)


def _percent(share: float) -> str:
    return f"{share:.1%}".replace("%", " %")


def _reasons(counts: Mapping[str, int]) -> str:
    most = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return ", ".join(f"{reason} {count}" for reason, count in most[:_NAMED])
