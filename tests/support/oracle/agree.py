"""Whether what was told of a window agrees with what its readings make."""

from __future__ import annotations

from collections.abc import Mapping
from math import isclose, isfinite
from typing import Any, Final

from tests.support.oracle.windows import percentile

_EXACT: Final = 256
"""Percentiles of no more values are exact; beyond, within 1 %."""
_HUGE: Final = 1e150
"""Squares of larger values are beyond all floats."""


def disagreements(said: Mapping[str, Any], fields: Mapping[str, Any], *, late: bool) -> list[str]:
    """What is wrong with a record of an aggregate topic. Of a window with late readings only bounds of the
    time-weighted average are known."""
    have: Mapping[str, Any] = said["aggregates"]
    summary = {name: said["quality_summary"][name] for name in fields["quality_summary"]}
    wrong = [f"quality {summary}, not {fields['quality_summary']}"] if summary != fields["quality_summary"] else []
    if have["count"] != fields["count"]:
        return [*wrong, f"count {have['count']}, not {fields['count']}"]
    if not fields["count"]:
        return wrong + [f"{name} of nothing" for name, one in have.items() if name != "count" and one is not None]
    ordered = fields["sorted"]
    span = max(abs(ordered[0]), abs(ordered[-1]))

    def check(name: str, want: float, rel: float, abs_: float = 0.0) -> None:
        if have[name] is None or not isclose(have[name], want, rel_tol=rel, abs_tol=abs_):
            wrong.append(f"{name} {have[name]}, not {want}")

    for name in ("min", "max", "first", "last"):
        # °C of K or °F is rounded as numbers of the size of 273 are, however near to 0 it comes out
        check(name, fields[name], 1e-12, 1e-12)
    if span < _HUGE:
        for name in ("avg", "stddev"):
            if isfinite(fields[name]):
                check(name, fields[name], 1e-9, 1e-9 * span)
    average = have["time_weighted_avg"]
    if late or len(ordered) > _EXACT:
        if average is not None and not ordered[0] - 1e-9 * span <= average <= ordered[-1] + 1e-9 * span:
            wrong.append(f"time_weighted_avg {average} is outside the values")
    elif span < _HUGE:
        check("time_weighted_avg", fields["time_weighted_avg"], 1e-9, 1e-9 * span)
    if said["percentile_method"] != ("exact" if len(ordered) <= _EXACT else "sketch"):
        wrong.append(f"percentile_method {said['percentile_method']} of {len(ordered)} values")
    for name, q in (("p50", 0.50), ("p95", 0.95), ("p99", 0.99)):
        if len(ordered) <= _EXACT:
            check(name, percentile(ordered, q), 1e-12, 1e-12 * span)
        else:
            check(name, ordered[int(q * (len(ordered) - 1))], 0.010001)
    return wrong
