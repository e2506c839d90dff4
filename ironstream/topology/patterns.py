"""Patterns of identities, as alarm rules use them."""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import translate
from functools import lru_cache

from ironstream.topology.model import Alarm

_Matcher = Callable[[str], object] | None


@lru_cache(maxsize=4_096)
def _matcher(pattern: str) -> _Matcher:
    """A test of one part of an identity; None when every name passes. Case counts, on every platform."""
    if pattern.strip("*") == "":
        return None
    if not set("*?[") & set(pattern):
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

    def matches_parameter(self, parameter: str) -> bool:
        """True when the pattern of the parameter matches."""
        return self._parameter is None or bool(self._parameter(parameter))
