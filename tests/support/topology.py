"""A topology made by hand, of what the alarms and events agents ask of a compiled one."""

from __future__ import annotations

from dataclasses import dataclass, field

from ironstream.contract import SeriesId
from ironstream.domain.rules import ConditionRule, SeriesRules, TimeRules, WindowSize


@dataclass
class HandMadeTopology:
    """Admits every asset that is not in `refused` (`tenant/site/asset` → reason); `rules` hold for all of them."""

    version: int = 1
    rules: tuple[ConditionRule, ...] = ()
    refused: dict[str, str] = field(default_factory=dict)
    times: TimeRules = field(default_factory=TimeRules)

    def admits(self, tenant: str, site: str, asset: str) -> str | None:
        return self.refused.get(f"{tenant}/{site}/{asset}")

    def event_rules(self, tenant: str, site: str, asset: str) -> tuple[ConditionRule, ...]:
        return self.rules

    @property
    def windows(self) -> tuple[WindowSize, ...]:
        return ()

    def series(self, tenant: str, site: str, asset: str, parameter: str) -> SeriesRules:
        return SeriesRules(conditions=self.rules)

    @property
    def watched_series(self) -> list[SeriesId]:
        return []
