"""Patterns of identities, as alarm rules use them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fnmatch import translate
from functools import lru_cache
from typing import Generic, TypeVar

from ironstream.topology.model import Alarm

_T = TypeVar("_T")
_MAGIC = frozenset("*?[")
_Matcher = Callable[[str], object] | None


def is_name(pattern: str) -> bool:
    """True for a pattern that matches one name only: itself."""
    return not _MAGIC & set(pattern)


@lru_cache(maxsize=4_096)
def _matcher(pattern: str) -> _Matcher:
    """A test of one part of an identity; None when every name passes. Case counts, on every platform."""
    if pattern.strip("*") == "":
        return None
    if is_name(pattern):
        return pattern.__eq__
    return re.compile(translate(pattern)).match


class IdentityPattern:
    """The four patterns of an alarm rule."""

    __slots__ = ("_asset", "_parameter", "_site", "_tenant")

    def __init__(self, alarm: Alarm) -> None:
        self._tenant = _matcher(alarm.tenant)
        self._site = _matcher(alarm.site)
        self._asset = _matcher(alarm.asset)
        self._parameter = _matcher(alarm.parameter)

    def matches_asset(self, tenant: str, site: str, asset: str) -> bool:
        """True when the patterns of tenant, site and asset all match."""
        return (
            (self._asset is None or bool(self._asset(asset)))
            and (self._tenant is None or bool(self._tenant(tenant)))
            and (self._site is None or bool(self._site(site)))
        )

    def matching_assets(self, assets: Iterable[_T], key_of: Callable[[_T], tuple[str, str, str]]) -> list[_T]:
        """Those whose tenant, site and asset match, of many."""
        found = list(assets)
        for place, matches in ((2, self._asset), (0, self._tenant), (1, self._site)):
            if matches is not None:
                found = [asset for asset in found if matches(key_of(asset)[place])]
        return found

    def matches_parameter(self, parameter: str) -> bool:
        """True when the pattern of the parameter matches."""
        return self._parameter is None or bool(self._parameter(parameter))


class AlarmIndex(Generic[_T]):
    """What belongs to alarm rules, found by identity. Most rules of a large plant name one asset: they are tried on it
    alone."""

    def __init__(self, rules: Iterable[tuple[Alarm, _T]]) -> None:
        self._by_name: dict[str, list[tuple[int, IdentityPattern, _T]]] = {}
        self._others: list[tuple[int, IdentityPattern, _T]] = []
        for order, (alarm, rule) in enumerate(rules):
            entries = self._by_name.setdefault(alarm.asset, []) if is_name(alarm.asset) else self._others
            entries.append((order, IdentityPattern(alarm), rule))

    def matching(self, tenant: str, site: str, asset: str, parameter: str | None) -> list[_T]:
        """Those whose patterns match, in their first order; without a parameter its pattern is not looked at."""
        entries = self._others
        named = self._by_name.get(asset)
        if named:
            entries = sorted((*named, *entries), key=lambda entry: entry[0])
        return [
            rule
            for _, pattern, rule in entries
            if pattern.matches_asset(tenant, site, asset)
            and (parameter is None or pattern.matches_parameter(parameter))
        ]
