"""Which series have other rules than before, and what alarm rules no longer watch. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from ironstream.topology.plan.plant import Plant, Watched
from ironstream.topology.resolve import AssetKey, DeclaredAsset, DeclaredParameter

_NOTHING: Final[Watched] = {}


@dataclass(slots=True)
class Touched:
    """What of the declared series is touched, counted in several ways."""

    series: int = 0
    of_asset: dict[AssetKey, frozenset[str]] = field(default_factory=dict)
    """Parameters whose declared rules are not as before, of assets that have any."""
    of_type: Counter[tuple[str, str]] = field(default_factory=Counter)
    """The same by machine type and parameter."""
    units: Counter[tuple[str, str | None, str | None]] = field(default_factory=Counter)
    """Series with another unit: parameter, before, after."""
    windows_gone: Counter[int] = field(default_factory=Counter)
    """Series that no longer get windows of a size."""
    watched: Counter[str] = field(default_factory=Counter)
    """Declared series (assets, on events) that a rule watches after."""
    watched_before: Counter[str] = field(default_factory=Counter)
    given_up: Counter[str] = field(default_factory=Counter)
    """Those that a rule watched before and does not after."""
    rules: set[str] = field(default_factory=set)
    """Rules that are not as before, or watch others."""


def touched(before: Plant, after: Plant) -> Touched:
    """Compare all declared series of two plants."""
    return _Comparison(before, after).run()


class _Comparison:
    def __init__(self, before: Plant, after: Plant) -> None:
        self.before, self.after, self.found = before, after, Touched()
        found = self.found
        found.rules = {
            name for name in before.rules.keys() | after.rules.keys() if before.rules.get(name) != after.rules.get(name)
        }
        old = {window.size_s: window for window in before.topology.windows}
        self.other_windows = frozenset(
            window.size_s for window in after.topology.windows if window.size_s in old and window != old[window.size_s]
        )
        self.other_times = before.topology.times != after.topology.times
        self._parameters: dict[tuple[int, int], bool] = {}
        self._pairs: dict[tuple[int, int], frozenset[str]] = {}

    def run(self) -> Touched:
        before, after, found = self.before, self.after, self.found
        for key in dict.fromkeys((*before.assets, *after.assets)):
            old, new = before.assets.get(key), after.assets.get(key)
            declared = self._declared(key, old, new)
            if declared:
                found.of_asset[key] = declared
                for kind in {one.machine_type for one in (old, new) if one is not None and one.machine_type}:
                    found.of_type.update((kind, name) for name in declared)
            found.series += len(declared | self._watches(key))
        return found

    def _declared(self, key: AssetKey, old: DeclaredAsset | None, new: DeclaredAsset | None) -> frozenset[str]:
        """Parameters that come, go, or have other rules."""
        if old is None or new is None:
            one = old or new
            return frozenset(one.parameters if one is not None else ())
        site = key[:2]
        whole = (
            self.other_times
            or old.machine_type != new.machine_type
            or old.max_readings_per_s != new.max_readings_per_s
            or self.before.site_names.get(site) != self.after.site_names.get(site)
        )
        changed = set()
        for name, parameter in new.parameters.items():
            former = old.parameters.get(name)
            # first, for it counts what is lost
            differs = former is None or self._differs(name, former, parameter)
            if differs or whole:
                changed.add(name)
        changed.update(name for name in old.parameters if name not in new.parameters)
        return frozenset(changed)

    def _differs(self, name: str, old: DeclaredParameter, new: DeclaredParameter) -> bool:
        pair = id(old), id(new)
        differs = self._parameters.get(pair)
        if differs is None:
            differs = self._parameters[pair] = old != new or not self.other_windows.isdisjoint(new.windows_s)
        if differs:
            if old.spec.unit != new.spec.unit:
                self.found.units[name, old.spec.unit, new.spec.unit] += 1
            self.found.windows_gone.update(set(old.windows_s).difference(new.windows_s))
        return differs

    def _watches(self, key: AssetKey) -> frozenset[str]:
        """Parameters that other rules watch, or rules that are not as before."""
        before, after, found = self.before, self.after, self.found
        windows = before.windows(key)
        now_windows = after.windows(key)
        was = before.watched(key, windows) if key in before.assets else _NOTHING
        now = after.watched(key, now_windows) if key in after.assets else _NOTHING
        # what is no longer declared may be watched all the same: rules match names
        still = now
        if windows != now_windows and was:
            still = after.watched(key, after.windows(key, [name for name, _ in windows]))
        for name, parameters in was.items():
            found.watched_before[name] += len(parameters)
            if lost := len(parameters - still.get(name, frozenset())):
                found.given_up[name] += lost
                found.rules.add(name)
        for name, parameters in now.items():
            found.watched[name] += len(parameters)
        pair = id(was), id(now)
        if pair not in self._pairs:
            self._pairs[pair] = self._other(was, now)
        return self._pairs[pair]

    def _other(self, was: Watched, now: Watched) -> frozenset[str]:
        other: set[str] = set()
        for name in was.keys() | now.keys():
            old, new = was.get(name, frozenset()), now.get(name, frozenset())
            if old != new:
                self.found.rules.add(name)
            other |= (old | new) if self.before.rules.get(name) != self.after.rules.get(name) else (old ^ new)
        other.discard("")
        return frozenset(other)
