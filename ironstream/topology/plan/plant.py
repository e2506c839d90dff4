"""What a topology comes to: its declared series with their rules, and which alarm rule watches which of them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ironstream.domain.rules import ConditionRule
from ironstream.topology.compile import condition_rule
from ironstream.topology.model import Alarm, Topology
from ironstream.topology.patterns import AlarmIndex, IdentityPattern
from ironstream.topology.resolve import AssetKey, DeclaredAsset, DeclaredParameter, declared_assets

Windows = tuple[tuple[str, tuple[int, ...]], ...]
"""Parameters of an asset with the window sizes that each gets."""
Watched = Mapping[str, frozenset[str]]
"""Id of an alarm rule → the parameters of an asset that it watches; one named "" for a rule on events."""

_EVENTS = frozenset(("",))


@dataclass(frozen=True, slots=True)
class _Rule:
    alarm: Alarm
    pattern: IdentityPattern

    def watched(self, windows: Windows) -> frozenset[str]:
        if self.alarm.on == "event":
            return _EVENTS
        size = self.alarm.aggregate.size_s if self.alarm.aggregate is not None else None
        return frozenset(
            name for name, sizes in windows if self.pattern.matches_parameter(name) and (size is None or size in sizes)
        )


class Plant:
    """A checked topology, ready to be compared with another, `like`, from which it takes what is the same."""

    def __init__(self, topology: Topology, like: Plant | None = None) -> None:
        self.topology = topology
        self.assets: dict[AssetKey, DeclaredAsset] = declared_assets(topology)
        every = [parameter for asset in self.assets.values() for parameter in asset.parameters.values()]
        self._declared = {id(parameter): parameter for parameter in every}
        self._series = Counter(map(id, every))
        self.sizes_s = tuple(sorted({window.size_s for window in topology.windows}))
        self.site_names = {(site.tenant, site.id): site.name or site.id for site in topology.sites}
        enabled = [alarm for alarm in topology.alarms if alarm.enabled]
        self.rules: dict[str, ConditionRule] = {alarm.id: condition_rule(alarm) for alarm in enabled}
        rules = [_Rule(alarm, IdentityPattern(alarm)) for alarm in enabled]
        self._rules = dict(zip(self.rules, rules, strict=True))
        self._index = AlarmIndex((rule.alarm, rule) for rule in rules)
        self._patterns = [(alarm.id, alarm.tenant, alarm.site, alarm.asset) for alarm in enabled]
        # most changes leave the patterns alone, and to try each rule on each of many assets is most of the work
        self._matching: dict[AssetKey, tuple[str, ...]] = (
            like._matching if like is not None and like._patterns == self._patterns else {}
        )
        self._watched: dict[tuple[tuple[str, ...], Windows], Watched] = {}

    def parameters(self) -> list[tuple[DeclaredParameter, int]]:
        """Every declaration of a parameter, with the number of series that share it."""
        return [(self._declared[one], series) for one, series in self._series.items()]

    def windows(self, asset: AssetKey, parameters: Sequence[str] | None = None) -> Windows:
        """Windows of an asset's parameters: of its declared ones, or of any. What is not declared gets all sizes."""
        declared = self.assets.get(asset)
        known = {} if declared is None else declared.parameters
        names = known if parameters is None else parameters
        return tuple((name, known[name].windows_s if name in known else self.sizes_s) for name in names)

    def watched(self, asset: AssetKey, windows: Windows) -> Watched:
        """What the rules watch of an asset with these parameters. The same object for assets that are alike."""
        matching = self._matching.get(asset)
        if matching is None:
            matching = tuple(rule.alarm.id for rule in self._index.matching(*asset, None))
            self._matching[asset] = matching
        key = matching, windows
        known = self._watched.get(key)
        if known is None:
            found = ((name, self._rules[name].watched(windows)) for name in matching)
            known = self._watched[key] = {name: parameters for name, parameters in found if parameters}
        return known
