"""The rules of a plant, as an oracle needs them; times in seconds. Whatever is left out is not checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf

Convert = Callable[[float], float]


@dataclass(frozen=True)
class Condition:
    """An alarm rule on a series; with `size_s` it looks at the averages of windows, not at readings.

    Kinds: value (beyond `low` or `high`), inside, rate_of_change (beyond `high`), quality, no_data.
    """

    name: str
    kind: str = "value"
    low: float = -inf
    high: float = inf
    deadband: float = 0
    on_delay_s: float = 0
    off_delay_s: float = 0
    for_s: float = 0
    size_s: int = 0


@dataclass(frozen=True)
class SeriesRule:
    """What is declared of a series. `sizes_s`: the windows it gets, None for all; `convert` leads to `unit`."""

    unit: str | None = None
    convert: Mapping[str, Convert] = field(default_factory=dict)
    interval_s: float = 0
    low: float = -inf
    high: float = inf
    range_is_bad: bool = True
    max_rate: float = inf
    max_step: float = inf
    stuck_s: float = 0
    sizes_s: tuple[int, ...] | None = None
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Size:
    """A window size."""

    size_s: int
    grace_s: int
    late_retention_s: int


@dataclass(frozen=True)
class Rules:
    """Series by `tenant/site/asset/parameter`, limits (readings/s) by `tenant/site/asset`; sizes, shortest first."""

    sizes: tuple[Size, ...]
    series: Mapping[str, SeriesRule] = field(default_factory=dict)
    limits: Mapping[str, int] = field(default_factory=dict)

    def of(self, name: str) -> SeriesRule:
        """The rule of a series, an empty one where nothing is declared."""
        return self.series.get(name, _NOTHING)

    def sizes_of(self, name: str) -> list[Size]:
        """Its windows, shortest first."""
        wanted = self.of(name).sizes_s
        return [size for size in self.sizes if wanted is None or size.size_s in wanted]


_NOTHING = SeriesRule()
