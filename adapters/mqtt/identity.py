"""From names of topics and metrics to tenant, site, asset and parameter. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from ironstream.contract import IDENTITY_PART
from ironstream.gateway.adapter import Point

_NAME: Final = re.compile(r"\{([a-z][a-z0-9_]*)\}")
_UNFIT: Final = re.compile(r"[^A-Za-z0-9._-]+")
_MAX_LENGTH: Final = 128


class IdentityError(ValueError):
    """What the device sent names no tenant, site, asset or parameter; the text says which and why."""


def names_in(template: str) -> set[str]:
    """The names that a template uses. Raises ValueError for one that is no template."""
    if {"{", "}"} & set(_NAME.sub("", template)):
        raise ValueError(f"{template!r}: names stand in braces, in small letters, such as {{asset}}")
    return set(_NAME.findall(template))


def rendered(template: str, names: Mapping[str, str]) -> str:
    """The template with its names replaced; a name that is not given is nothing."""
    return _NAME.sub(lambda match: names.get(match[1], ""), template)


def as_part(text: str) -> str:
    """A name of the device as a part of an identity: `/` becomes `.`, other signs that cannot be become `_`.

    Raises IdentityError where nothing is left, or it is too long.
    """
    part = _UNFIT.sub("_", text.replace("/", ".")).lstrip("._-")
    if not part.strip("_") or len(part) > _MAX_LENGTH:
        raise IdentityError(f"{text[:140]!r} cannot be a name: letters, digits, '.', '_' and '-', at most 128")
    return part


def as_written(what: str, text: str) -> str:
    """A part of an identity as it stands; a tenant made to fit might become another's. Raises IdentityError."""
    if not IDENTITY_PART.fullmatch(text):
        raise IdentityError(f"{what} {text[:140]!r} cannot be one: letters, digits, '.', '_' and '-', at most 128")
    return text


@dataclass(frozen=True, slots=True)
class Series:
    """Whose value it is; what is None is the pipeline's. `source` is where it came from, in the device's own words."""

    parameter: str
    asset_id: str | None
    site_id: str | None
    tenant_id: str | None
    source: str


class PointBook:
    """Every point of one connection, known before or found, up to `max_points` of them."""

    def __init__(self, max_points: int) -> None:
        self._max_points = max_points
        self._points: dict[tuple[str | None, str | None, str | None, str], tuple[Point, str]] = {}

    @property
    def points(self) -> tuple[Point, ...]:
        """All points, as they came up."""
        return tuple(point for point, _ in self._points.values())

    def find(self, series: Series, make: Callable[[], Point]) -> Point:
        """The point of a series, made on its first value.

        Raises IdentityError when there are too many, or when another value of the device has that name already.
        """
        key = (series.tenant_id, series.site_id, series.asset_id, series.parameter)
        known = self._points.get(key)
        if known is not None:
            if known[1] != series.source:
                raise IdentityError(f"{series.source} and {known[1]} would both be {known[0].key}")
            return known[0]
        if len(self._points) >= self._max_points:
            raise IdentityError(f"more than {self._max_points} points: raise max_points, or take fewer topics")
        point = make()
        self._points[key] = (point, series.source)
        return point
